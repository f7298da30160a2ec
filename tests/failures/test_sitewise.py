"""SiteWise fails in all the ways it can."""

from case import CALLS, PUT, WRITES, Case

# All that SiteWise says of a single entry, and whether it is for ever.
REFUSALS = {
    "AccessDeniedException": False,
    "ConflictingOperationException": False,
    "InternalFailureException": False,
    "InvalidRequestException": True,
    "LimitExceededException": False,
    "ResourceNotFoundException": False,
    "ServiceUnavailableException": False,
    "ThrottlingException": False,
    "TimestampOutOfRangeException": True,
}


class SiteWise(Case):
    def error(self, code: str, operations: list[str], share: float, seed: int = 1) -> None:
        self.stack.order_fault(
            {"kind": "error", "code": code}, operations=operations, share=share, seed=seed
        )

    def happened(self) -> int:
        return min(fault["applied"] for fault in self.stack.faults())

    def test_throttled_to_a_tenth(self) -> None:
        self.start()
        self.wait_until_known()
        self.error("ThrottlingException", PUT, 0.9)
        self.publish(1_000)
        self.assertGreater(self.happened(), 0)
        accounts = self.end()
        self.assertEqual(accounts.named("refused", "discarded").total(), 0)

    def test_a_third_of_requests_answered_with_5xx(self) -> None:
        self.error("InternalFailureException", CALLS, 1 / 6, seed=1)
        self.error("ServiceUnavailableException", CALLS, 1 / 5, seed=2)
        self.start()
        self.wait_until_known()
        self.publish(1_000)
        self.assertGreater(self.happened(), 0)
        accounts = self.end()
        self.assertEqual(accounts.named("refused", "discarded").total(), 0)

    def test_single_entries_refused_of_every_kind(self) -> None:
        self.start()
        self.wait_until_known()
        for seed, code in enumerate(REFUSALS):
            self.stack.order_fault({"kind": "entryError", "code": code}, share=0.02, seed=seed)
        self.publish(1_000)
        self.assertGreater(self.happened(), 0)
        accounts = self.end()
        self.assertEqual(accounts.named("refused").keys(), {"invalid", "out_of_range"})
        self.assertEqual(accounts.named("discarded").total(), 0)

    def test_requests_that_hang(self) -> None:
        self.start()
        self.wait_until_known()
        self.stack.order_fault({"kind": "latency", "milliseconds": 60_000}, operations=PUT, count=9)
        self.publish(1_000)
        self.assertEqual(self.happened(), 9)
        accounts = self.end()
        self.assertEqual(accounts.named("refused", "discarded").total(), 0)

    def test_connections_cut_before_and_after_the_work_and_amid_the_answer(self) -> None:
        effects = [
            ({"kind": "drop", "carriedOut": False}, CALLS),
            ({"kind": "drop", "carriedOut": True}, CALLS),
            # botocore takes half an answer for a whole one, where the test reads as well.
            ({"kind": "halfSent"}, [*PUT, *WRITES]),
        ]
        for seed, (effect, operations) in enumerate(effects):
            self.stack.order_fault(effect, operations=operations, share=0.15, seed=seed)
        self.start()
        self.wait_until_known()
        self.publish(1_000)
        self.assertGreater(self.happened(), 0)
        accounts = self.end()
        self.assertEqual(accounts.named("refused", "discarded").total(), 0)


class Away(Case):
    settings = {
        "OUTBOX_MAX_BYTES": "1MiB",
        "INGEST_REQUESTS_PER_SECOND": "5000",
        "INGEST_VALUES_PER_SECOND": "100000",
    }
    per_second = 200

    def test_away_for_longer_than_memory_lasts(self) -> None:
        self.start()
        self.wait_until_known()
        self.stack.order_fault({"kind": "drop"}, operations=CALLS)
        # Delivery has room for 100,000 values of the past, 1 MiB for some thousands more.
        for stream in self.streams:
            stream.recall(messages=60, seconds=10)
        self.publish(100)
        accounts = self.end()
        self.assertEqual(accounts.named("refused").total(), 0)
        self.assertEqual(accounts.named("discarded").keys(), {"outbox_full"})


class YoungAccount(Case):
    """What a new account does, in a tenth of its time: the role works after a while only, creation
    takes long, a model that has just become ACTIVE conflicts, and values show late."""

    sitewise = (
        "--denied-for=3s",
        "--create-delay=6s",
        "--update-delay=1s",
        "--conflict-delay=2s",
        "--read-delay=2s",
    )
    known_within = 150
    per_second = 100

    def test_a_young_account_is_waited_for(self) -> None:
        self.start()
        self.wait_until_known()
        self.publish(500)
        accounts = self.end()
        self.assertEqual(accounts.named("refused", "refused_early", "discarded").total(), 0)
