"""A proxy before SiteWise that has botocore sign every request once more, as AWS would to check
its signature, and notes whether both agree."""

import http.client
import re
import threading
from dataclasses import dataclass
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from unittest.mock import patch
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

SIGNATURE = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/(?P<date>\d{8})/(?P<region>[^/]+)/"
    r"(?P<service>[^/]+)/aws4_request, SignedHeaders=(?P<headers>[^,]+), Signature=(?P<is>\w{64})"
)
# What botocore adds to a request by itself.
ADDED = ("x-amz-date", "x-amz-security-token")


@dataclass
class Signed:
    """A request, and what its signature and botocore's own are."""

    call: str
    scope: tuple[str, str]
    headers: list[str]
    signature: str
    by_botocore: str


class Witness:
    """Looks at the requests of one key; all are passed on."""

    def __init__(self, sitewise_url: str, key: str, secret: str, token: str) -> None:
        self.seen: list[Signed] = []
        self._credentials = Credentials(key, secret, token)
        # Botocore has one for all threads.
        self._clock = threading.Lock()
        witness = self
        target = urlsplit(sitewise_url).netloc

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def forward(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                url = f"{witness.url}{self.path}"
                witness._look(self.command, url, dict(self.headers), body)
                server = http.client.HTTPConnection(target, timeout=30)
                server.request(self.command, self.path, body, dict(self.headers))
                answer = server.getresponse()
                content = answer.read()
                server.close()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                        self.send_header(name, value)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_DELETE = forward

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _look(self, method: str, url: str, headers: dict[str, str], body: bytes) -> None:
        headers = {name.lower(): value for name, value in headers.items()}
        parts = SIGNATURE.fullmatch(headers["authorization"])
        assert parts, headers["authorization"]
        if parts["key"] != self._credentials.access_key:
            return
        names = parts["headers"].split(";")
        # Botocore adds the time and the token by itself.
        given = {name: headers[name] for name in names if name not in ADDED}
        request = AWSRequest(method, url, given, body)
        when = datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ")
        auth = SigV4Auth(self._credentials, parts["service"], parts["region"])
        with self._clock, patch("botocore.auth.get_current_datetime", return_value=when):
            auth.add_auth(request)
        again = SIGNATURE.fullmatch(request.headers["Authorization"])
        assert again, request.headers["Authorization"]
        call = f"{method} {urlsplit(url).path.split('/')[1]}"
        scope = (parts["region"], parts["service"])
        self.seen.append(Signed(call, scope, names, parts["is"], again["is"]))
