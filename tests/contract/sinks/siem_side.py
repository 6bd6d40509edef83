"""A SIEM of three sorts in one process: it keeps what it took, and can be told to be difficult."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class SiemSide:
    """Elasticsearch's bulk requests, Splunk's collector, a webhook and a channel, on one port of this machine.

    `stored` has every document it took, with how often. `busy` answers of that number of next requests are 503.
    `poison`: a document with this text in it is never taken. `acknowledges`: questions until a batch is acknowledged.
    """

    def __init__(self) -> None:
        self.stored: dict[str, int] = {}
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.busy = 0
        self.poison = ""
        self.acknowledges = 1
        self._asked: dict[int, int] = {}
        side = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                status, said = side._answer(self.path, dict(self.headers.items()), body)
                raw = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_: Any) -> None:
                """Nobody reads it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.base = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
        self.requests.append((path, {name.lower(): value for name, value in headers.items()}, body))
        if self.busy:
            self.busy -= 1
            return 503, {}
        if path.endswith("/_bulk"):
            return self._bulk(body)
        if path.endswith("/collector/event"):
            return self._collector(body)
        if path.endswith("/collector/ack"):
            return self._acknowledgement(json.loads(body)["acks"])
        if self.poison and self.poison in body.decode():
            return 400, {}
        return self._store(self.requests[-1][1].get("webhook-id", body.decode()))

    def _bulk(self, body: bytes) -> tuple[int, Any]:
        lines = [json.loads(line) for line in body.splitlines()]
        items = []
        for action, document in zip(lines[::2], lines[1::2], strict=True):
            id_ = action["create"]["_id"]
            if self.poison and self.poison in json.dumps(document):
                item = {"_id": id_, "status": 400, "error": {"type": "document_parsing_exception", "reason": id_}}
            elif id_ in self.stored:
                item = {"_id": id_, "status": 409, "error": {"type": "version_conflict_engine_exception"}}
            else:
                self._store(id_)
                item = {"_id": id_, "status": 201}
            items.append({"create": item})
        return 200, {"errors": any(one["create"]["status"] != 201 for one in items), "items": items}

    def _collector(self, body: bytes) -> tuple[int, Any]:
        decoder, text, at = json.JSONDecoder(), body.decode(), 0
        events = []
        while at < len(text):
            event, at = decoder.raw_decode(text, at)
            events.append(event["event"])
        if self.poison and self.poison in text:
            return 400, {"text": "Invalid data format", "code": 6, "invalid-event-number": 0}
        for event in events:
            self._store(event["document_id"])
        number = len(self._asked)
        self._asked[number] = 0
        return 200, {"text": "Success", "code": 0, "ackId": number}

    def _acknowledgement(self, numbers: list[int]) -> tuple[int, Any]:
        for number in numbers:
            self._asked[number] += 1
        return 200, {"acks": {str(number): self._asked[number] >= self.acknowledges for number in numbers}}

    def _store(self, id_: str) -> tuple[int, Any]:
        self.stored[id_] = self.stored.get(id_, 0) + 1
        return 200, {"text": "ok"}
