"""What has to hold for the Helm chart: what helm and Kubernetes' schemas check, and that its parts fit together."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import kubernetes_validate
import yaml

CHART = Path("deployment/helm/reductionist")
README = Path("deployment/README.md")
RULES = Path("deployment/prometheus/rules.yml")
SETTINGS, MONITORING = Path("docs/configuration.md"), Path("docs/monitoring.md")
# A row of that page: flag, variable, and the default if it is one.
SETTING = re.compile(r"^\| `--(\S+?)(?: \S+)?` \| `(REDUCTIONIST_\w+)` \| (?:`(.*?)`)?", re.MULTILINE)
VERSIONS = "1.25", kubernetes_validate.latest_version()  # of Kubernetes: the oldest in Chart.yaml, and the newest known
RELEASE = "release"

# Values, and the ports that pods reach: DNS, the allowed sources, and where the credentials of a role come from.
REACHED = {
    "settings.allow-source={http://store:9000}": {53, 9000},
    "settings.allow-source={http://store:9000},s3OwnCredentials.sources={http://store:9000/own}": {53, 9000, 80, 443},
    "settings.allow-source={http://store:9000},s3OwnCredentials.sources={http://store:9000/own},"
    "s3OwnCredentials.secretName=keys": {53, 9000},
    "settings.keepdims=true": {53, 80, 443},
}

# Values, and the word that the refusal has to have in it.
REFUSED = {
    "replicas=none": "replicas",
    "image.pullPolicy=Sometimes": "pullPolicy",
    "settings.port=80": "settings",
    "settings.MAX_QUEUE=8": "settings",
    "settings.allow-sources=https://store.example": "settings",
    "settings.keepdim=true": "settings",
    "settings.request-timeout=61": "shutdown.timeoutSeconds",
    "settings.request-timeout=1m 1s": "shutdown.timeoutSeconds",
    "settings.keepdims=": "keepdims",
    "settings.allow-source={store.example}": "allow-source",
    "shutdown.timeoutSeconds=0": "timeoutSeconds",
    "resources.limits.memory=null": "memory",
    "tls.enabled=true": "tls.secretName",
    "ingress.enabled=true": "ingress.hosts",
    "service.port=70000": "service.port",
    "autoscaling.targetCpu=0": "targetCpu",
    "tracing.protocol=udp": "tracing.protocol",
    "networkPolicy.extraPorts={https}": "extraPorts",
    "repicas=3": "repicas",
}


def groups(settings):
    """Names of groups of claims, and for each claim what is wrong, or nothing."""
    yield "helm lint", lint()
    yield "values", claims_about_values()
    yield "refused values", refusals()
    yield "settings", claims_about_settings()
    yield "ports that pods reach", claims_about_ports()
    yield "the README's commands", commands()
    yield "what Prometheus needs", claims_about_monitoring()
    defaults = render()
    yield "rendered, defaults", claims_about_objects(defaults, settings)
    everything = render("--values", CHART / "ci/everything.yaml")
    yield "rendered, everything", claims_about_objects(everything, settings)
    yield "what everything adds", claims_about_everything(defaults, everything)


def helm(*arguments, **options):
    return subprocess.run(["helm", *arguments], capture_output=True, text=True, **options)


def render(*arguments):
    done = helm("template", RELEASE, CHART, *arguments)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return [found for found in yaml.safe_load_all(done.stdout) if found]


def lint():
    for values in ((), ("--values", CHART / "ci/everything.yaml")):
        done = helm("lint", "--strict", CHART, *values)
        yield None if done.returncode == 0 else done.stdout + done.stderr


def refusals():
    for value, word in REFUSED.items():
        done = helm("template", RELEASE, CHART, "--set", value)
        refused = done.returncode != 0 and word in done.stderr
        yield None if refused else f"{value}: status {done.returncode}, {done.stderr[-300:]}"


def commands():
    """What the README has people install can be rendered, with the values that it shows."""
    page = README.read_text()
    (values,) = re.findall(r"^```yaml values\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    one_line_each = page.replace("\\\n", " ")
    found = re.findall(r"^helm upgrade --install (.*)$", one_line_each, re.MULTILINE)
    yield None if found else "there are none"
    for command in found:
        arguments = ["-" if word.endswith(".yaml") else word for word in shlex.split(command)]
        done = helm("template", *arguments, input=values)
        yield None if done.returncode == 0 else f"{command}: {done.stderr}"


def claims_about_settings():
    """The schema takes the service's own settings and no others, but for those that the chart itself sets."""
    rows = SETTING.findall(SETTINGS.read_text())
    taken = set(re.findall(r"REDUCTIONIST_[A-Z0-9_]+", (CHART / "templates/deployment.yaml").read_text()))
    # Pods are reached from outside of them.
    own = {flag for flag, variable, _ in rows if variable in taken} | {"host"}
    right = {flag for flag, _, _ in rows} - own
    schema = json.loads((CHART / "values.schema.json").read_text())
    known = set(schema["properties"]["settings"]["propertyNames"]["enum"])
    yield None if rows and known == right else f"the schema and the service differ in {known ^ right}"
    # Requests in flight are finished, however long these two are.
    default = {flag: default for flag, _, default in rows}["request-timeout"]
    for shorter, fits in ((0, True), (1, False)):
        seconds = int(default.removesuffix("s")) - shorter
        done = helm("template", RELEASE, CHART, "--set", f"shutdown.timeoutSeconds={seconds}")
        yield None if (done.returncode == 0) == fits else f"shutdown.timeoutSeconds={seconds}: {done.stderr}"
    for text in ("60s", "1min", "60000ms", "60 seconds"):
        done = helm("template", RELEASE, CHART, "--set-string", f"settings.request-timeout={text}")
        yield None if done.returncode == 0 else f"settings.request-timeout={text}: {done.stderr}"


def claims_about_ports():
    for values, expected in REACHED.items():
        (policy,) = of_kind(render("--set", values), "NetworkPolicy")
        ports = {port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]}
        yield None if ports == expected else f"{values}: pods reach the ports {ports}"


def claims_about_monitoring():
    """The chart's rules are those of Prometheus, and the name that the page has for DNS is one of pods."""
    # A chart has what it is made of inside it: helm follows the link when it renders and when it packs.
    linked = CHART / "files/rules.yml"
    yield None if linked.resolve() == RULES.resolve() else f"{linked} does not lead to {RULES}"
    (rule,) = of_kind(render("--set", "prometheusRule.enabled=true"), "PrometheusRule")
    yield None if rule["spec"] == yaml.safe_load(RULES.read_text()) else "the PrometheusRule has other rules"
    page = re.search(r"names: \[([\w-]+)\.NAMESPACE\.svc\]\s+type: A\s+port: (\d+)", MONITORING.read_text())
    services = of_kind(yaml.safe_load_all(helm("template", "reductionist", CHART).stdout), "Service")
    of_pods = {(service["metadata"]["name"], str(port["port"])) for service in services
               if service["spec"].get("clusterIP") == "None" for port in service["spec"]["ports"]}  # fmt: skip
    yield None if page and page.groups() in of_pods else f"{MONITORING} names {page and page[0]}, there are {of_pods}"


# --- Values --------------------------------------------------------------------------------------------------


def claims_about_values():
    """Every value is in the schema, and the other way round; and each has a comment."""
    text = (CHART / "values.yaml").read_text()
    described = set(schema_paths(json.loads((CHART / "values.schema.json").read_text()))) - {("global",)}
    found = dict(value_lines(yaml.compose(text), described))
    for path in sorted(described ^ found.keys()):
        yield f"{'.'.join(path)} is in {'values.schema.json' if path in described else 'values.yaml'} only"
    lines = text.splitlines()
    for path, line in found.items():
        above = comment_above(lines, line)
        yield None if above.startswith("# --") else f"{'.'.join(path)} has no comment"


def schema_paths(schema, path=()):
    """Paths of values: of a closed object, those inside."""
    if schema.get("additionalProperties") is False:
        for name, inner in schema["properties"].items():
            yield from schema_paths(inner, (*path, name))
    else:
        yield path


def value_lines(node, described, path=()):
    """Paths of values and the lines where they stand."""
    for key, value in node.value:
        inner = (*path, key.value)
        if inner not in described and isinstance(value, yaml.MappingNode):
            yield from value_lines(value, described, inner)
        else:
            yield inner, key.start_mark.line


def comment_above(lines, line):
    """The first line of the comment above a line, or nothing."""
    first = line
    while first > 0 and lines[first - 1].lstrip().startswith("#"):
        first -= 1
        if lines[first].lstrip().startswith("# --"):
            break
    return lines[first].lstrip() if first < line else ""


def claims_about_everything(defaults, everything):
    yield None if kinds(everything) > kinds(defaults) else f"no more kinds than {kinds(defaults)}"
    variables = dict(environment(everything))
    for name, value in yaml.safe_load((CHART / "ci/everything.yaml").read_text())["settings"].items():
        text = ",".join(value) if isinstance(value, list) else str(value).lower()
        rendered = variables[f"REDUCTIONIST_{name.upper().replace('-', '_')}"]
        yield None if rendered == text else f"the setting {name} is {value}, its variable {rendered}"


# --- Objects -------------------------------------------------------------------------------------------------


def kinds(objects):
    return {found["kind"] for found in objects}


def of_kind(objects, kind):
    return [found for found in objects if found["kind"] == kind]


def environment(objects):
    """Names and values of the container's variables."""
    (deployment,) = of_kind(objects, "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return [(variable["name"], variable.get("value")) for variable in container["env"]]


def claims_about_objects(objects, settings):
    for found in objects:
        yield from (schema_problem(found, version) for version in VERSIONS)
    (deployment,) = of_kind(objects, "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    yield from claims_about_the_pod(pod, container)
    yield from claims_about_the_environment(environment(objects), pod, container, settings)
    yield from claims_about_names(objects, deployment, container)


def schema_problem(found, version):
    """What the schemas of Kubernetes have against an object. They do not know what others have defined."""
    if found["apiVersion"].startswith("monitoring.coreos.com/"):
        return None
    try:
        kubernetes_validate.validate(found, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return f"{found['kind']}, Kubernetes {version}: {error.message} at {'.'.join(map(str, error.path))}"
    return None


def claims_about_the_pod(pod, container):
    expected = {
        "runAsNonRoot": (pod["securityContext"], True),
        "runAsUser": (pod["securityContext"], 65532),
        "seccompProfile": (pod["securityContext"], {"type": "RuntimeDefault"}),
        "automountServiceAccountToken": (pod, False),
        # REDUCTIONIST_PORT would come from a Service of that name.
        "enableServiceLinks": (pod, False),
        "allowPrivilegeEscalation": (container["securityContext"], False),
        "readOnlyRootFilesystem": (container["securityContext"], True),
        "capabilities": (container["securityContext"], {"drop": ["ALL"]}),
    }
    for name, (where, value) in expected.items():
        yield None if where.get(name) == value else f"{name} is {where.get(name)}"
    yield None if "memory" in container["resources"]["limits"] else "memory has no limit"
    paths = {name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")}
    right = {"startup": "/livez", "liveness": "/livez", "readiness": "/livez"}
    yield None if paths == right else f"probes ask for {paths}"
    mounted = {mount["name"] for mount in container.get("volumeMounts", [])}
    volumes = {volume["name"] for volume in pod.get("volumes", [])}
    yield None if mounted == volumes else f"volumes {volumes}, mounted {mounted}"


def claims_about_the_environment(variables, pod, container, settings):
    names = [name for name, _ in variables]
    yield None if len(names) == len(set(names)) else f"a variable is set twice: {sorted(names)}"
    unknown = {name for name in names if name.startswith("REDUCTIONIST_")} - settings
    yield f"unknown settings {unknown}" if unknown else None
    texts = dict(variables)
    yield from (None if text else f"{name} is empty" for name, text in texts.items() if name in settings)
    stopping = sum(int(texts[f"REDUCTIONIST_SHUTDOWN_{part}"].removesuffix("s")) for part in ("DELAY", "TIMEOUT"))
    grace = pod["terminationGracePeriodSeconds"]
    yield None if grace > stopping else f"killed after {grace} s, but may take {stopping} s to stop"
    listening = {texts[name].split(":")[-1] for name in ("REDUCTIONIST_PORT", "REDUCTIONIST_ADMIN_ADDRESS")}
    ports = {str(port["containerPort"]) for port in container["ports"]}
    yield None if listening == ports else f"it listens on {listening}, its ports are {ports}"


def claims_about_names(objects, deployment, container):
    """What selects pods selects these, and ports and objects that are named are there."""
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    ports = {port["name"] for port in container["ports"]}
    probes = {container[f"{name}Probe"]["httpGet"]["port"] for name in ("startup", "liveness", "readiness")}
    yield None if probes <= ports else f"probes ask the ports {probes}"
    for found in objects:
        name = f"{found['kind']} {found['metadata']['name']}"
        selector = selected(found)
        yield f"{name} selects {selector}" if not selector.items() <= labels.items() else None
        unknown = named_ports(found) - ports
        yield f"{name} names the ports {unknown}" if unknown else None
    for service in of_kind(objects, "Service"):
        public = service["spec"]["type"] != "ClusterIP"
        admin = "admin" in named_ports(service)
        yield "the admin port can be reached from outside of the cluster" if public and admin else None
    for scaler in of_kind(objects, "HorizontalPodAutoscaler"):
        target = scaler["spec"]["scaleTargetRef"]["name"]
        yield None if target == deployment["metadata"]["name"] else f"{target} is scaled"
        yield "replicas are set although they are scaled" if "replicas" in deployment["spec"] else None
    for monitor in of_kind(objects, "ServiceMonitor"):
        wanted = monitor["spec"]["selector"]["matchLabels"].items()
        (service,) = [found for found in of_kind(objects, "Service") if wanted <= found["metadata"]["labels"].items()]
        offered = {port["name"] for port in service["spec"]["ports"]}
        asked = {endpoint["port"] for endpoint in monitor["spec"]["endpoints"]}
        yield None if asked <= offered else f"the ports {asked} are monitored"
        jobs = [label for endpoint in monitor["spec"]["endpoints"] for label in endpoint["relabelings"]]
        known = re.findall(r"job_name: (\S+)", Path("deployment/prometheus/prometheus.yml").read_text())
        yield None if all(label["replacement"] in known for label in jobs) else f"jobs are {jobs}, not one of {known}"
    services = {found["metadata"]["name"] for found in of_kind(objects, "Service")}
    for ingress in of_kind(objects, "Ingress"):
        paths = [path for rule in ingress["spec"]["rules"] for path in rule["http"]["paths"]]
        backends = {path["backend"]["service"]["name"] for path in paths}
        yield None if backends <= services else f"the ingress leads to {backends}"


def selected(found):
    """The labels by which an object selects pods."""
    spec = found.get("spec", {})
    if found["kind"] == "Service":
        return spec["selector"]
    if found["kind"] == "NetworkPolicy":
        return spec["podSelector"]["matchLabels"]
    if found["kind"] in ("Deployment", "PodDisruptionBudget"):
        return spec["selector"]["matchLabels"]
    return {}


def named_ports(found):
    """The ports of pods that an object names."""
    spec = found.get("spec", {})
    if found["kind"] == "Service":
        return {port["targetPort"] for port in spec["ports"]}
    if found["kind"] == "NetworkPolicy":
        return {port["port"] for rule in spec["ingress"] for port in rule["ports"]}
    return set()
