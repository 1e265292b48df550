"""Makes the pictures of the documentation anew: starts what they show on loopback, and has Chromium look at it.

    cd checks && $(./environment)/bin/python -m tools.screenshots    # all of them, into docs/images; --help

Debian's packages chromium, prometheus and pngquant have to be there, and a built program.
"""

import contextlib
import json
import subprocess
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlencode

from harness import tool
from harness.asking import SAMPLE_CHUNK, ask, question
from harness.places import DOCS, ROOT, SAMPLE
from harness.processes import free_port, process, wait_until_it_listens
from harness.report import Failure
from harness.service import service

IMAGES = DOCS / "images"
SERVICE = "--file-root", SAMPLE.parent, "--shutdown-delay", 0
LARGEST = 150 * 1024  # bytes of a picture
LOAD_SECONDS = 60
STEP_SECONDS = 60  # for a picture
CHUNK = SAMPLE_CHUNK | {"interface_type": "file", "url": f"file:///{SAMPLE.name}", "missing": {"missing_value": 1e20}}
PROMETHEUS = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: reductionist
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""
QUERIES = {
    "prometheus-requests": 'sum by (path) (rate(incoming_requests{http_method="POST"}[10s]))',
    "prometheus-stages": "sum by (stage) (rate(reductionist_stage_duration_seconds_sum[10s]))",
}
# Nothing that looks for the network; a profile of its own.
CHROMIUM = (
    *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars"),
)


def picture(name, url, width, height):
    """Writes what a page looks like when its programs have run."""
    file = IMAGES / f"{name}.png"
    with tempfile.TemporaryDirectory() as directory:
        raw = Path(directory, "raw.png")
        where = (f"--user-data-dir={directory}/profile", f"--window-size={width},{height}", f"--screenshot={raw}")
        command = [*CHROMIUM, *where, "--virtual-time-budget=10000", url]
        subprocess.run(command, check=True, timeout=STEP_SECONDS, capture_output=True)
        command = ["pngquant", "--force", "--strip", "--output", file, "64", raw]
        subprocess.run(command, check=True, timeout=STEP_SECONDS)
    size = file.stat().st_size
    print(f"{file.relative_to(ROOT)}: {width} × {height}, {size} bytes")
    if size > LARGEST:
        raise Failure(f"that is more than {LARGEST}")


@contextlib.contextmanager
def prometheus(scraped):
    """The URL of a Prometheus that scrapes a port each second."""
    port = free_port()
    with tempfile.TemporaryDirectory() as directory:
        configuration = Path(directory, "prometheus.yml")
        configuration.write_text(PROMETHEUS.format(port=scraped))
        flags = (f"--config.file={configuration}", f"--storage.tsdb.path={directory}/data")
        command = ["prometheus", *flags, f"--web.listen-address=127.0.0.1:{port}"]
        with process(command, stderr=subprocess.DEVNULL) as started:
            wait_until_it_listens(started, port)
            yield f"http://127.0.0.1:{port}"


def load(url, seconds):
    """Asks for reductions, with more and less to do in turns."""
    end = time.monotonic() + seconds
    threads = [
        threading.Thread(target=keep_asking, args=(url, operation, end)) for operation in ("sum", "max", "select")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def keep_asking(url, operation, end):
    while (left := end - time.monotonic()) > 0:
        ask(question(operation, CHUNK), url)
        time.sleep(0.002 if int(left) // 15 % 2 else 0.01)


# --- The pictures --------------------------------------------------------------------------------------------


def swagger_ui(programs):
    with service(programs, *SERVICE) as server:
        picture("swagger-ui", f"{server.url}/docs", 1280, 1000)


def graphs(programs):
    """What Prometheus draws of a service that has something to do."""
    with service(programs, *SERVICE) as server, prometheus(server.port) as url:
        load(server.url, LOAD_SECONDS)
        for name, query in QUERIES.items():
            with urllib.request.urlopen(f"{url}/api/v1/query?{urlencode({'query': query})}") as answer:
                if not json.load(answer)["data"]["result"]:
                    raise Failure(f"there is nothing to see of {query}")
            options = {"g0.expr": query, "g0.tab": 0, "g0.stacked": 1, "g0.range_input": "1m"}
            picture(name, f"{url}/classic/graph?{urlencode(options)}", 1280, 860)


PICTURES = {"swagger-ui": swagger_ui, "graphs": graphs}


def main():
    parser = tool.parser(__doc__)
    parser.add_argument("pictures", nargs="*", metavar="PICTURE", help=f"of {', '.join(PICTURES)}; all, if not given")
    options = parser.parse_args()
    for name in options.pictures or PICTURES:
        PICTURES[name](options.programs)


if __name__ == "__main__":
    tool.run(main)
