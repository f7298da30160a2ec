"""moto's server, one request at a time.

moto checks a condition and writes in two steps, and serves each request in a thread of its own: of
two writers under one condition both may be told that they have won. DynamoDB lets one of them win.
"""

import sys
import threading

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

one_at_a_time = threading.Lock()
backend = DomainDispatcherApplication(create_backend_app)


def application(environ, start_response):
    with one_at_a_time:
        return backend(environ, start_response)


if __name__ == "__main__":
    run_simple("127.0.0.1", int(sys.argv[1]), application, threaded=True)
