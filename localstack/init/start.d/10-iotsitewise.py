"""Lets AWS IoT SiteWise answer at LocalStack's own endpoint.

LocalStack has no SiteWise in any of its editions. It runs this script inside its own process
before it is ready; from then on whatever is signed for the service iotsitewise goes to
sitewise-local, at SITEWISE_ENDPOINT, and everything else goes LocalStack's usual way.

`localstack.aws.handlers` is not a public interface: this is written for 4.14.0 and tested with it
(tests/localstack/run.sh).
"""

import logging
import os

from localstack.aws import handlers
from localstack.http.proxy import Proxy

ENDPOINT = os.environ.get("SITEWISE_ENDPOINT", "http://127.0.0.1:4567")
SCOPE = "/iotsitewise/aws4_request"

log = logging.getLogger("localstack.iotsitewise")


def is_for_sitewise(authorization):
    """Whether a signature is for SiteWise: Credential=id/date/region/iotsitewise/aws4_request."""
    _, _, credential = authorization.partition("Credential=")
    return credential.split(",")[0].strip().endswith(SCOPE)


def forward(chain, context, response):
    request = context.request
    if not is_for_sitewise(request.headers.get("Authorization", "")):
        return
    response.update_from(proxy.forward(request, forward_path=request.path))
    chain.stop()


proxy = Proxy(ENDPOINT)
handlers.preprocess_request.append(forward)
log.info("iotsitewise is answered by %s", ENDPOINT)
