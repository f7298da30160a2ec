"""Requests are signed as AWS checks them: botocore comes to the same signatures."""

import unittest

from payloads import metric, payload
from plant import Plant
from stack import Stack, eventually, now_ms
from witness import Witness

KEY, SECRET, TOKEN = "ASIAINTEROP", "a/secret+key", "a/session+token=="
REGION = "eu-central-1"


class Witnessed(Stack):
    """With somebody between bridge and SiteWise who checks signatures."""

    witness: Witness

    def _start_sitewise(self, options: tuple[str, ...]) -> str:
        self.witness = Witness(super()._start_sitewise(options), KEY, SECRET, TOKEN)
        return self.witness.url

    def close(self) -> None:
        super().close()
        self.witness.close()


class Signatures(unittest.TestCase):
    def test_every_request_is_signed_as_botocore_signs_it(self) -> None:
        stack = Witnessed(
            "signatures",
            AWS_REGION=REGION,
            AWS_ACCESS_KEY_ID=KEY,
            AWS_SECRET_ACCESS_KEY=SECRET,
            AWS_SESSION_TOKEN=TOKEN,
        )
        self.addCleanup(stack.close)
        plant = Plant(stack, "Signed", "Größe 1")
        plant.connect()
        plant.node_birth(payload(now_ms(), metric("Länge", "Double", 0.1, now_ms(), alias=1)))
        plant.settle()

        seen = stack.witness.seen
        written = {"POST asset-models", "POST assets", "POST properties"}
        calls = eventually(lambda: {signed.call for signed in seen}, lambda made: written <= made)
        self.assertLessEqual(written, calls)
        for signed in seen:
            with self.subTest(call=signed.call):
                self.assertEqual(signed.signature, signed.by_botocore)
                self.assertEqual(signed.scope, (REGION, "iotsitewise"))
                self.assertIn("host", signed.headers)
                self.assertIn("x-amz-security-token", signed.headers)
