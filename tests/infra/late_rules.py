"""Holds infra/late.yaml to infra/late.guard, and shows that each rule can fail.

    python late_rules.py path/to/cfn-guard

The last line is "N passed, N failed".
"""

import sys

from rules import ROOT, held, properties, template


def bucket(tree):
    return properties(tree, "Bucket")


def of_bucket(tree):
    return properties(tree, "BucketPolicy")["PolicyDocument"]["Statement"][0]


def of_role(tree, sid):
    return named(properties(tree, "ImportRole")["Policies"][0]["PolicyDocument"], sid)


def of_bridge(tree, sid):
    return named(properties(tree, "BridgePolicy")["PolicyDocument"], sid)


def named(document, sid):
    return next(statement for statement in document["Statement"] if statement["Sid"] == sid)


def break_public_policies(tree):
    bucket(tree)["PublicAccessBlockConfiguration"]["BlockPublicPolicy"] = False


def break_access_lists(tree):
    bucket(tree)["OwnershipControls"]["Rules"][0]["ObjectOwnership"] = "ObjectWriter"


def break_encryption(tree):
    del bucket(tree)["BucketEncryption"]


def break_plain_http(tree):
    del of_bucket(tree)["Condition"]


def break_plain_http_of_objects(tree):
    of_bucket(tree)["Resource"].pop()


def break_reader_of_the_bucket(tree):
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"}
    properties(tree, "BucketPolicy")["PolicyDocument"]["Statement"].append(statement)


def break_lifecycle(tree):
    bucket(tree)["LifecycleConfiguration"]["Rules"][0]["Status"] = "Disabled"


def break_lifecycle_of_a_part(tree):
    bucket(tree)["LifecycleConfiguration"]["Rules"][0]["Prefix"] = "sparkwise/"


def break_kept(tree):
    tree["Resources"]["Bucket"]["DeletionPolicy"] = "Delete"


def break_replaced(tree):
    del tree["Resources"]["Bucket"]["UpdateReplacePolicy"]


def break_trust(tree):
    document = properties(tree, "ImportRole")["AssumeRolePolicyDocument"]
    document["Statement"][0]["Principal"] = {"AWS": "*"}


def break_managed_policy(tree):
    properties(tree, "ImportRole")["ManagedPolicyArns"] = ["arn:aws:iam::aws:policy/AmazonS3FullAccess"]


def break_pattern_of_role(tree):
    of_role(tree, "Location")["Action"] = ["s3:GetBucket*"]


def break_pattern_of_bridge(tree):
    of_bridge(tree, "Jobs")["Action"].append("iotsitewise:*BulkImportJob")


def break_storage(tree):
    """The tiers are the account's."""
    of_bridge(tree, "Jobs")["Action"].append("iotsitewise:PutStorageConfiguration")


def break_every_bucket(tree):
    of_role(tree, "Location")["Resource"] = "*"


def break_passed_to_any(tree):
    del of_bridge(tree, "PassRole")["Condition"]


def break_passed_role(tree):
    of_bridge(tree, "PassRole")["Resource"] = "arn:aws:iam::123456789012:role/admin"


def break_other_objects(tree):
    of_bridge(tree, "Objects")["Resource"] = "arn:aws:s3:::another/*"


def break_deletion(tree):
    of_bridge(tree, "Objects")["Action"].append("s3:DeleteObject")


def break_deletion_by_role(tree):
    of_role(tree, "Objects")["Action"].append("s3:DeleteObject")


def break_bucket_rights(tree):
    of_bridge(tree, "Bucket")["Action"].append("s3:PutBucketPolicy")


def break_somebody_else(tree):
    properties(tree, "BridgePolicy")["Roles"].append("another")


BREAKS = {
    break_public_policies: {"the_bucket_is_private"},
    break_access_lists: {"the_bucket_is_private"},
    break_encryption: {"the_bucket_is_private"},
    break_plain_http: {"the_bucket_is_reached_by_tls_only"},
    break_plain_http_of_objects: {"the_bucket_is_reached_by_tls_only"},
    break_reader_of_the_bucket: {"the_bucket_is_reached_by_tls_only"},
    break_lifecycle: {"objects_expire"},
    break_lifecycle_of_a_part: {"objects_expire"},
    break_kept: {"the_bucket_is_kept"},
    break_replaced: {"the_bucket_is_kept"},
    break_trust: {"the_role_is_for_sitewise"},
    break_managed_policy: {"the_role_is_for_sitewise"},
    break_pattern_of_role: {"no_action_is_a_pattern", "objects_of_this_bucket_alone"},
    break_pattern_of_bridge: {"no_action_is_a_pattern", "star_resource_only_where_required"},
    break_storage: {"star_resource_only_where_required"},
    break_every_bucket: {"star_resource_only_where_required", "objects_of_this_bucket_alone"},
    break_passed_to_any: {"one_role_is_passed_and_to_sitewise_alone"},
    break_passed_role: {"one_role_is_passed_and_to_sitewise_alone"},
    break_other_objects: {"objects_of_this_bucket_alone"},
    break_deletion: {"objects_of_this_bucket_alone"},
    break_deletion_by_role: {"objects_of_this_bucket_alone"},
    break_bucket_rights: {"objects_of_this_bucket_alone"},
    break_somebody_else: {"rights_are_the_bridges"},
}


def main(guard):
    rules = (ROOT / "infra/late.guard").read_text()
    passed, wrong = held(guard, template("infra/late.yaml"), rules, BREAKS)
    print(f"{passed} passed, {wrong} failed")
    return wrong


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1]) else 0)
