"""What is not the same in two answers, told so that a developer can act on it; and what a recording covers."""

import json
import shlex
from collections import Counter

from . import values
from .servers import SERVICES

MOST_TOLD = 10
MOST_TEXTS = 15


def found(old, new):
    """The numbers of the answers that are not the same."""
    return [number for number in sorted(old) if old[number] != new[number]]


def report(requests, old, new, most=MOST_TOLD):
    """The lines of a report, the summary last."""
    numbers = found(old, new)
    nan_alone = [number for number in numbers if values.differ_in_nan_alone(old[number], new[number])]
    # Others first: they matter more.
    for number in sorted(numbers, key=lambda number: number in nan_alone)[:most]:
        yield from difference(number, requests[number], old[number], new[number])
    if numbers:
        for name in ("kind", "operation", "dtype", "codec", "interface"):
            counts = Counter(requests[number].labels.get(name, "-") for number in numbers)
            yield f"by {name}: " + ", ".join(f"{value} {count}" for value, count in counts.most_common(8))
        statuses = Counter((old[number].status, new[number].status) for number in numbers)
        yield "by status: " + ", ".join(f"{a} → {b} {count}" for (a, b), count in statuses.most_common(8))
        yield f"{len(nan_alone)} of them differ in the bits of NaN alone"
    yield f"{len(old)} requests, {len(numbers)} answers differ"


def difference(number, request, old, new):
    yield f"--- request {number}: {request.label}"
    yield from asked(request)
    before, after = values.shown(old), values.shown(new)
    for line in before:
        if line in after:
            yield f"    {line}"
    yield from (f"  - {line}" for line in before if line not in after)
    yield from (f"  + {line}" for line in after if line not in before)
    yield from where(old.body, new.body)
    if before == after and old != new:
        yield f"    the whole bodies differ: SHA-256 {old.sha256[:16]}… and {new.sha256[:16]}…"
    yield ""


def where(before, after):
    """The first place at which two bodies are not the same."""
    if before != after:
        pairs = enumerate(zip(before, after))
        at = next((at for at, (a, b) in pairs if a != b), min(len(before), len(after)))
        start = max(0, at - 40)
        yield f"    from byte {at} on, {before[start : at + 40]!r} became {after[start : at + 40]!r}"


def asked(request):
    """The request, as JSON and as a command. Its ports are placeholders, unless `replay --stay` puts real ones there."""
    yield f"  {request.method} {values.short(request.path)} of the service {request.service}"
    if request.body:
        yield f"  {values.short(request.body.decode('utf-8', 'backslashreplace'), 2000)}"
    words = ["curl", "-i", "-X", request.method]
    for name, value in request.headers:
        words += ["-H", f"{name}: {value}"]
    if request.body:
        words += ["--data-binary", request.body.decode("utf-8", "backslashreplace")]
    command = shlex.join([*words, f"http://127.0.0.1:{SERVICES[request.service]}{request.path}"])
    yield f"  {values.short(command, 3000)}"


# --- Coverage ------------------------------------------------------------------------------------------------


def coverage(requests, answers):
    """A histogram of what requests ask and of what is answered."""
    total, good = len(answers), sum(answer.status == 200 for answer in answers.values())
    bad = [answer for answer in answers.values() if answer.status != 200]
    texts = Counter(answer.body for answer in bad)
    yield f"{total} requests, {good / total:.1%} answered with status 200; {len(bad)} others, of {len(texts)} texts"
    yield line("statuses", Counter(answer.status for answer in answers.values()), 30)
    posts = {number: request for number, request in requests.items() if "dialect" in request.labels}
    for name in ("kind", "dialect", "interface", "operation", "dtype", "codec"):
        counts = Counter(request.labels[name] for request in posts.values())
        fine = Counter(request.labels[name] for number, request in posts.items() if answers[number].status == 200)
        yield f"{name} (of status 200): " + ", ".join(
            f"{value} {count} ({fine[value]})" for value, count in counts.most_common(80)
        )
    yield line("fields of requests that are answered", fields(posts, answers), 40)
    yield line("codecs that decode", codecs(posts, answers), 80)
    yield f"codecs of /capabilities that decode nothing: {', '.join(unused(requests, answers, posts)) or 'none'}"
    yield line("lengths of answered bodies", Counter(scale(a.length) for a in answers.values() if a.status == 200), 20)
    yield line("problems named", problems(bad), 60)
    yield "texts that are answered most often:"
    for text, count in texts.most_common(MOST_TEXTS):
        yield f"  {count:5} {values.short(text.decode('utf-8', 'replace'), 160)}"


def line(title, counts, most):
    return f"{title}: " + ", ".join(f"{value} {count}" for value, count in counts.most_common(most))


def bodies(requests, answers):
    for number, request in requests.items():
        if answers[number].status == 200:
            try:
                yield json.loads(request.body)
            except ValueError:
                continue  # in chunks


def fields(requests, answers):
    return Counter(name for body in bodies(requests, answers) for name in body if body[name] is not None)


def codecs(requests, answers):
    counts = Counter()
    for body in bodies(requests, answers):
        listed = [*(body.get("filters") or []), *([body["compression"]] if body.get("compression") else [])]
        counts.update(str(codec["id"]) for codec in listed)
        counts.update(codec if isinstance(codec, str) else codec["name"] for codec in body.get("codecs") or [])
    return counts


def unused(requests, answers, posts):
    """What the program says that it decodes, and no request had decoded."""
    pages = [answers[number].body for number, request in requests.items() if request.path == "/capabilities"]
    told = next((json.loads(page) for page in pages if page.startswith(b'{"version"')), {})
    decoded = codecs(posts, answers)
    return [str(name) for name in told.get("codecs", []) + told.get("hdf5_filters", []) if not decoded[str(name)]]


def problems(answers):
    counts = Counter()
    for answer in answers:
        try:
            error = json.loads(answer.body)["error"]
        except (ValueError, KeyError, TypeError):
            continue
        counts.update(cause.split(":")[0][:40] for cause in error.get("caused_by", []))
    return counts


def scale(length):
    return "0" if length == 0 else f"< {1 << length.bit_length()}"
