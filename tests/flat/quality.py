"""What SiteWise shows of a quality that a sender writes down: its own table, from the codes of
Sparkplug, OPC DA and Ignition."""

from wire import Property

GOOD, UNCERTAIN, BAD = "GOOD", "UNCERTAIN", "BAD"

# As senders of the field write them: each with what it is.
SENT: list[tuple[Property, str]] = [
    *((Property("Int32", code), GOOD) for code in (192, 216, 200, 320)),
    *(
        (Property("Int32", code), UNCERTAIN)
        for code in (500, 516, 64, 68, 80, 84, 88, 256, 600, 700)
    ),
    *((Property("Int32", code), BAD) for code in (0, 4, 8, 12, 16, 20, 24, 28, 32)),
    *(
        (Property("Int32", code), BAD)
        for code in (300, 301, 330, 403, 404, 410, 519, 522, 901, 1000)
    ),
    # Ignition's, with the level in the two highest bits.
    (Property("Int32", 0x4000_0100), UNCERTAIN),
    (Property("Int32", -2147483136), BAD),
    (Property("Int32", -2147483132), UNCERTAIN),
    (Property("Int32", 0x8000_0207 - 2**32), BAD),
    (Property("Int32", -1073741056), BAD),
    (Property("UInt32", 0x8000_020A), BAD),
    (Property("Int64", 192), GOOD),
    (Property("Double", 192.0), GOOD),
    (Property("Double", 0.0), BAD),
    (Property("Boolean", True), GOOD),
    (Property("Boolean", False), BAD),
    (Property("String", "Good"), GOOD),
    (Property("String", "Good_Provisional"), GOOD),
    (Property("String", "Uncertain_LastKnownValue"), UNCERTAIN),
    (Property("String", "Bad_Stale"), UNCERTAIN),
    (Property("String", 'Bad_NotConnected("the PLC is off")'), BAD),
    (Property("String", "Error"), BAD),
]


def stale(quality: str) -> str:
    """What a death makes of a quality: it never makes it better."""
    return BAD if quality == BAD else UNCERTAIN
