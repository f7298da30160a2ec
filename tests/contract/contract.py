"""Walks the service model that botocore ships against a running sitewise-local.

For each supported operation: a valid request gets an answer that is what the output shape says;
every constraint of the input shape, broken once, gets InvalidRequestException which names the
member, and its valid counterpart does not; every exception that the operation may answer with is
provoked once and is what its own shape says. Everything else in the model is an unknown operation.
"""

import sys

import errors
from walk import Walk
from wire import OPERATIONS, Api, check_answer, check_error
from world import World


def is_batch_put_type(operation, case):
    # The typed reader says what is wrong but not where.
    return operation == "BatchPutAssetPropertyValue" and case.rule in ("type", "enum", "required valueType")


def main(address):
    api = Api(address)
    walk = Walk(api, lambda _operation: "InvalidRequestException", is_batch_put_type)
    world = World(api)
    for operation, base in world.bases().items():
        answer = api.send(operation, base)
        walk.test(f"{operation} answers", check_answer(operation, answer))
        world.settle()
    bases = World(api).bases()
    for operation, base in bases.items():
        walk.break_each(operation, base)
    provoked = ordered = 0
    for operation in bases:
        for name in sorted({error["shape"] for error in OPERATIONS[operation].get("errors", [])}):
            answer, natural = errors.provoke(api, operation, name)
            provoked += natural
            ordered += not natural
            faults = check_error(operation, answer)
            if answer.error != name:
                faults = [f"answered {answer}"]
            walk.test(f"{operation} {name}", faults)
    unknown = walk.ask_unknown(bases)
    share = 100 * walk.met / walk.constraints
    return walk.end(
        f"contract: {len(bases)} operations are supported and {unknown} are not; {walk.met} of "
        f"{walk.constraints} constraints, broken one by one, got the documented error: {share:.1f} % "
        f"({walk.silent} more cannot be expressed in a request); "
        f"{provoked} exceptions were provoked by the account's state, {ordered} were ordered"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
