"""A server that serves the page's own files, and answers as it is told: with views that trail, and fleets of any size."""

import collections
import datetime
import http.server
import json
import pathlib
import threading
import urllib.parse

FILES = pathlib.Path(__file__).parents[2] / "Sources/Gateway/Page"
KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
GRAVITY = ["info", "warning", "critical"]
POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"


def moment(seconds):
    return (datetime.datetime(2026, 11, 1) + datetime.timedelta(seconds=seconds)).isoformat() + "Z"


class Scripted(http.server.ThreadingHTTPServer):
    """Holds a log with holes, for what is of other accounts, and lists that are what a test puts into them."""

    daemon_threads = True
    request_queue_size = 100

    def __init__(self, head, account=None):
        self.head, self.account = head, account
        self.log, self.devices, self.alerts, self.rollouts = [], [], [], []
        self.readings = {}  # by resolution, the pages of what a device has measured
        self.trailing = {}  # where a view stands that is not at the head
        self.is_ignorant = False  # whether it does not know where its views stand
        self.is_silent = False  # whether what is in the log is kept from those who follow it
        self.asked = collections.Counter()
        self.changed = threading.Condition()
        super().__init__(("127.0.0.1", 0), Answer)
        self.base = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        """A browser that goes away is none."""

    def append(self, *events):
        """Appends (type, stream, version, data) at the head; gives the position of the last one."""
        with self.changed:
            for event in events:
                self.head += 1
                self.log.append(self.event(self.head, *event))
            self.changed.notify_all()
            return self.head

    def put(self, position, *event):
        """Puts an event where it must have been before."""
        self.log.append(self.event(position, *event))

    def grow(self, count):
        """Lets others append."""
        with self.changed:
            self.head += count
            self.changed.notify_all()

    def event(self, position, type, stream, version, data):
        return {
            "position": position, "stream": stream, "version": version, "type": type, "time": moment(position),
            "recordedTime": moment(position), "account": self.account or "default", "data": data,
            "metadata": {"id": f"event-{position}", "principal": "system", "schemaVersion": 1, "commandId": "1"}}

    def after(self, position):
        return [event for event in self.log if event["position"] > position]

    def place(self, view):
        return self.trailing.get(view, self.head)


def alert(number, severity="warning", state="open"):
    return {
        "id": f"hot-{number}", "device": f"d{number}", "account": "default", "kind": "overheating", "severity": severity,
        "state": state, "text": f"Device {number} is hot", "raisedTime": moment(number), "version": 1}


def device(name, version=1):
    return {
        "id": name, "name": name, "serial": name, "type": "smoke", "account": "default", "labels": {}, "metadata": {},
        "state": "provisioned", "readings": {}, "telemetryCount": 0, "refusedCount": 0, "flaggedCount": 0,
        "registeredTime": moment(0), "version": version}


class Answer(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.session()

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        self.query = dict(urllib.parse.parse_qsl(url.query))
        name = url.path.removeprefix("/api/v1/")
        if name == url.path:
            return self.file(url.path)
        is_stream = "event-stream" in self.headers["Accept"]
        self.server.asked["stream" if is_stream else name] += 1
        if is_stream:
            return self.stream()
        known = {
            "session": self.session, "events": self.events, "projections": self.projections, "alerts": self.alerts,
            "devices": lambda: self.list("devices", self.server.devices),
            "rollouts": lambda: self.list("rollouts", [
                item for item in self.server.rollouts if self.query.get("state", item["state"]) == item["state"]])}
        if name.startswith("metrics/"):
            return self.metric()
        known.get(name, self.unknown)()

    def send(self, status, kind, body, **headers):
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Security-Policy": POLICY, **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def json(self, value, position=None, status=200):
        headers = {"Fleetlog-Position": str(position)} if position else {}
        self.send(status, "application/json", json.dumps(value).encode(), **headers)

    def file(self, path):
        file = FILES / (path.strip("/") or "index.html")
        if file.exists():
            self.send(200, KINDS[file.suffix], file.read_bytes())
        else:
            self.unknown()

    def unknown(self):
        self.json({"title": "Not found", "detail": "There is nothing here."}, status=404)

    def session(self):
        account = {"account": self.server.account} if self.server.account else {}
        self.json({"name": "test", "role": "admin", **account})

    def events(self):
        """Those of the log after a position; `next` as long as there is more of the log, whosever it is."""
        head, limit = self.server.head, int(self.query["limit"])
        found = self.server.after(int(self.query["after"]))[:limit]
        is_more = len(found) == limit and found[-1]["position"] < head
        self.json({"items": found, "next": str(found[-1]["position"]) if is_more else None}, head)

    def stream(self):
        server, place = self.server, int(self.headers["Last-Event-ID"] or self.query["after"])
        self.send(200, "text/event-stream", b"retry: 100\n\n")
        while True:
            with server.changed:
                server.changed.wait_for(lambda: not server.is_silent and server.after(place))
                events = server.after(place)
            place = events[-1]["position"]
            for event in events:
                self.wfile.write(f"id: {event['position']}\ndata: {json.dumps(event)}\n\n".encode())

    def metric(self):
        pages, number = self.server.readings[self.query["resolution"]], int(self.query.get("after", 0))
        self.json({"items": pages[number], "next": str(number + 1) if number + 1 < len(pages) else None})

    def projections(self):
        """How far behind the log each view is."""
        head = self.server.head
        self.json({"items": [
            {"name": name, "state": "live", "position": self.server.place(name),
             "tether": {"events": head - self.server.place(name), "seconds": 0}}
            for name in ("devices", "accounts", "alerts", "rollouts")], "next": None})

    def alerts(self):
        """The newest first, or the gravest."""
        wanted = [item for item in self.server.alerts if item["state"] == self.query.get("state", item["state"])]
        gravest = self.query.get("sort") == "-severity"
        key = lambda item: f"{GRAVITY.index(item['severity']) if gravest else 0} {item['raisedTime']}"
        self.list("alerts", sorted(wanted, key=key, reverse=True), key)

    def list(self, view, items, key=None):
        position, limit = self.server.place(view), int(self.query.get("limit", 100))
        if after := self.query.get("after"):
            items = [item for item in items if key(item) < after]
        page = items[:limit]
        next = key(page[-1]) if len(items) > limit else None
        self.json({"items": page, "next": next}, None if self.server.is_ignorant else position)
