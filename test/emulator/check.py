"""Deploys a whole app into an emulated AWS by the CDK CLI, changes it, destroys it, and deploys it again; then does the same with all configs of config/ as one app.
Prints which resources were created and which were not.

    python -m emulator.check
"""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import boto3

ACCOUNT, REGION = "123456789012", "us-east-1"
REPOSITORY = Path(__file__).parents[2]
FIRST, SECOND = (REPOSITORY / "test/emulator" / name for name in ("first.json", "second.json"))
EXAMPLES = sorted((REPOSITORY / "config").glob("*.json"))
CONFIGS = [json.loads(file.read_text()) for file in EXAMPLES]
REGION_OF = {config["name"]: config["region"] for config in [json.loads(FIRST.read_text()), *CONFIGS]}
STACKS = sum(1 + ("endpoint" in config) + ("weights" in config) + ("training" in config) + (config.get("endpoint", {}).get("network", {}).get("kind") == "isolated") for config in CONFIGS)
REGIONS = sorted(set(REGION_OF.values()))

NEVER_CREATED = {
    "AWS::SageMaker::InferenceComponent": "moto has no such call",
    "AWS::Budgets::Budget": "moto knows the call, but not the type in a template",
    "AWS::S3::BucketPolicy": "moto knows the call, but not the type in a template",
    "AWS::CDK::Metadata": "nothing to create: a note to AWS on how the template was made",
}
"""Types that the emulator skips, with the reason. The check fails if any other resource is missing."""


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="budgetforce-emulator-") as folder:
        emulate(Path(folder))


def emulate(folder: Path) -> None:
    port = free_port()
    # Prevents reading credentials of this machine and calling AWS. The host is a name, because the CLI prefixes it with the bucket's name.
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://localhost:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "CDK_HOME": str(folder),
        "CDK_DISABLE_VERSION_CHECK": "1",
    }
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        os.environ.pop(name, None)
    log = folder / "server.log"
    with log.open("w") as output:
        server = subprocess.Popen([sys.executable, "-m", "emulator.server", str(port)], stdout=output, stderr=output)
    try:
        wait_for(port)
        bootstrap = synthesize("first", [FIRST], folder)
        cdk("bootstrap", *(f"aws://{ACCOUNT}/{region}" for region in REGIONS), "--app", str(bootstrap))
        check_change(folder)
        check_examples(folder)
    except Exception:
        lines = [line for line in log.read_text().splitlines() if '" 200 -' not in line]
        print("last lines of the emulator's log:", *lines[-40:], sep="\n")
        raise
    finally:
        server.kill()
        server.wait()


def check_change(folder: Path) -> None:
    before = everything()

    assembly = synthesize("first", [FIRST], folder)
    deployed = deploy(assembly)
    report("first deploy", assembly)
    assert deployed["emulated-endpoint"] == {"EndpointName": "emulated", "InferenceComponents": "emulated-s1-32b"}, deployed
    assert settings() == {
        "memory": 1769,
        "models": ["s1-32b"],
        "copies": {"inference-component/emulated-s1-32b": (0, 8)},
        "instances": 2,
    }, settings()
    created = everything()

    assembly = synthesize("second", [SECOND], folder)
    changed = deploy(assembly)
    report("second deploy, of a changed config", assembly)
    assert changed["emulated-endpoint"]["InferenceComponents"] == "emulated-s1-32b emulated-r1-distill-32b", changed
    assert settings() == {
        "memory": 2048,
        "models": ["s1-32b", "r1-distill-32b"],
        "copies": {"inference-component/emulated-s1-32b": (0, 6), "inference-component/emulated-r1-distill-32b": (0, 4)},
        "instances": 3,
    }, settings()
    check_commands(folder)
    # Outputs and resources that clients depend on do not change: URL, key, table.
    assert changed["emulated-api"] == deployed["emulated-api"], changed
    for kind in ("tables", "secrets", "APIs", "functions"):
        assert everything()[kind] == created[kind], everything()[kind]

    destroy(assembly, before)

    # Nothing that a deletion left behind, such as a log group, blocks the next deployment of the same names.
    assembly = synthesize("first", [FIRST], folder)
    deploy(assembly)
    report("deploy after destroy", assembly)
    assert {kind: len(names) for kind, names in everything().items()} == {kind: len(names) for kind, names in created.items()}, everything()
    destroy(assembly, before)


def check_commands(folder: Path) -> None:
    """Runs the commands for newcomers against the emulated account, as a new user would."""
    weights = folder / "weights"
    weights.mkdir()
    for name, content in {"config.json": b"{}", "tokenizer.json": b"{}", "model.safetensors": os.urandom(9_000_000)}.items():
        (weights / name).write_bytes(content)
    config = folder / "mine.json"
    config.write_text(FIRST.read_text())
    s3 = boto3.client("s3")
    words = ("weights", str(config), "--from", str(weights), "--bucket", "models-of-mine", "--json")
    code, _, error = budgetforce(*words)
    assert code == 2 and "does not exist. Make it: aws s3 mb s3://models-of-mine" in error, (code, error)
    s3.create_bucket(Bucket="models-of-mine")
    for kept in (0, 3):
        code, output, error = budgetforce(*words)
        assert code == 0 and json.loads(output)["kept"] == kept, (code, output, error)
    stored = {item["Key"]: item["Size"] for item in s3.list_objects_v2(Bucket="models-of-mine", Prefix="s1-32b/")["Contents"]}
    assert stored == {f"s1-32b/{file.name}": file.stat().st_size for file in weights.iterdir()}, stored
    assert json.loads(config.read_text())["models"][0]["source"] == {"kind": "s3", "uri": "s3://models-of-mine/s1-32b/"}
    print("\nweights: brought 3 files, and kept them when it ran again")
    code, output, error = budgetforce("doctor", str(config), "--json")
    findings = json.loads(output)["findings"]
    print(f"doctor: exit code {code}, {dict(Counter(finding['status'] for finding in findings))}")
    # moto lacks some calls, whose findings are then "unchecked".
    looked = {finding["check"]: finding["status"] for finding in findings}
    assert (looked["credentials"], looked["weights"]) == ("ok", "ok"), findings
    for item in (*stored, "s1-32b.manifest.json"):
        s3.delete_object(Bucket="models-of-mine", Key=item)
    s3.delete_bucket(Bucket="models-of-mine")


def budgetforce(*words: str) -> tuple[int, str, str]:
    node = str(REPOSITORY / "node_modules/.bin/node")
    command = [node, str(REPOSITORY / "bin/budgetforce.ts"), *words]
    # The SDK puts the bucket into the host, unless that is an address.
    environment = os.environ | {"AWS_ENDPOINT_URL": os.environ["AWS_ENDPOINT_URL"].replace("localhost", "127.0.0.1")}
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, timeout=120, text=True, capture_output=True, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout, done.stderr


def check_examples(folder: Path) -> None:
    before = everything()
    assembly = synthesize("examples", EXAMPLES, folder)
    outputs = deploy(assembly)
    report("deploy of every config in config/", assembly)
    assert len(outputs) == STACKS, outputs
    # The ledger tables are retained by default. The emulator does not delete the VPC of the isolated network, whose stack
    # exports it to another one, nor two of its security groups (docs/emulator.md).
    buckets = sum(("weights" in config and "bucket" not in config["weights"]) + ("training" in config) for config in CONFIGS)
    destroy(assembly, before, {"tables": len(EXAMPLES), "buckets": buckets, "VPCs": 1, "security groups": 2})


def destroy(assembly: Path, before: dict[str, set[str]], expected: dict[str, int] | None = None) -> None:
    cdk("destroy", "--all", "--force", "--app", str(assembly))
    left = {kind: sorted(names - before[kind]) for kind, names in everything().items() if names - before[kind]}
    print(f"\nafter destroy\n  left behind: {left or 'nothing'}")
    assert {kind: len(names) for kind, names in left.items()} == (expected or {}), left


def synthesize(name: str, configs: list[Path], folder: Path) -> Path:
    assembly = folder / name
    if not assembly.exists():
        context = f"config={','.join(map(str, configs))}"
        # The configs of config/ name the bucket of an example, which a deployment refuses.
        cdk("synth", "--quiet", "--context", context, "--context", "allow=placeholder-bucket", "--output", str(assembly))
    return assembly


def deploy(assembly: Path) -> dict[str, dict[str, str]]:
    """Deploys all stacks and returns their outputs by stack."""
    outputs = assembly.with_suffix(".outputs.json")
    cdk("deploy", "--all", "--require-approval", "never", "--app", str(assembly), "--outputs-file", str(outputs))
    return json.loads(outputs.read_text())


def cdk(*words: str) -> None:
    print(f"\n$ cdk {' '.join(words)}", flush=True)
    command = [str(REPOSITORY / "node_modules/.bin/cdk"), *words, "--ci", "--no-notices"]
    done = subprocess.run(
        command, cwd=REPOSITORY, timeout=300, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
    )
    if done.returncode != 0:
        print(done.stdout)
        raise RuntimeError(f"cdk {words[0]} failed with {done.returncode}")


def report(title: str, assembly: Path) -> None:
    """Prints which resources of the templates exist and which do not. Fails for unexpected missing resources."""
    missing: list[tuple[str, str]] = []
    exist = 0
    print(f"\n{title}")
    for file in sorted(assembly.glob("*.template.json")):
        stack = file.name.removesuffix(".template.json")
        template = json.loads(file.read_text())["Resources"]
        region = REGION_OF[stack.removesuffix("-api").removesuffix("-endpoint").removesuffix("-network").removesuffix("-weights").removesuffix("-training")]
        pages = boto3.client("cloudformation", region).get_paginator("list_stack_resources").paginate(StackName=stack)
        # moto also lists the resources that it skipped, with an empty id.
        created = {resource["LogicalResourceId"] for page in pages for resource in page["StackResourceSummaries"]} - {""}
        for logical_id, resource in template.items():
            if logical_id in created:
                exist += 1
            else:
                missing.append((resource["Type"], logical_id))
        counts = Counter(template[logical_id]["Type"] for logical_id in created)
        print(f"  {stack}: {', '.join(f'{count} {kind}' for kind, count in sorted(counts.items()))}")
    print(f"  created: {exist} of {exist + len(missing)} resources. Not created:")
    for kind, count in sorted(Counter(kind for kind, _ in missing).items()):
        print(f"    {count} {kind}: {NEVER_CREATED.get(kind, 'NOT EXPECTED')}")
    unexpected = [logical_id for kind, logical_id in missing if kind not in NEVER_CREATED]
    assert not unexpected, unexpected


def settings() -> dict[str, Any]:
    """Reads the settings in which the two configs differ from the services."""
    # The endpoint's stack has a function of its own, which looks for what hangs.
    functions = boto3.client("lambda").list_functions()["Functions"]
    [function] = [function for function in functions if function["FunctionName"].startswith("emulated-api")]
    scaling = boto3.client("application-autoscaling").describe_scalable_targets(ServiceNamespace="sagemaker")
    sagemaker = boto3.client("sagemaker")
    [config] = sagemaker.list_endpoint_configs()["EndpointConfigs"]
    [variant] = sagemaker.describe_endpoint_config(EndpointConfigName=config["EndpointConfigName"])["ProductionVariants"]
    models = settings_file()["models"]
    return {
        "memory": function["MemorySize"],
        "models": [model["id"] for model in models],
        "copies": {target["ResourceId"]: (target["MinCapacity"], target["MaxCapacity"]) for target in scaling["ScalableTargets"]},
        "instances": variant["ManagedInstanceScaling"]["MaxInstanceCount"],
    }


def settings_file() -> dict[str, Any]:
    """Reads the settings file in the code of the function, from the bucket and key in the deployed template."""
    template = boto3.client("cloudformation").get_template(StackName="emulated-api")["TemplateBody"]
    resources = (json.loads(template) if isinstance(template, str) else template)["Resources"].values()
    [code] = [resource["Properties"]["Code"] for resource in resources if resource["Type"] == "AWS::Lambda::Function"]
    name = code["S3Bucket"]
    bucket = (name if isinstance(name, str) else name["Fn::Sub"]).replace("${AWS::AccountId}", ACCOUNT).replace("${AWS::Region}", REGION)
    archive = boto3.client("s3").get_object(Bucket=bucket, Key=code["S3Key"])["Body"].read()
    return json.loads(zipfile.ZipFile(io.BytesIO(archive)).read("settings.json"))


def everything() -> dict[str, set[str]]:
    """Reads the names of all existing resources, in all regions, from each service."""
    found: dict[str, set[str]] = {}
    for region in REGIONS:
        for kind, names in everything_in(region).items():
            found[kind] = found.get(kind, set()) | names
    return found


def everything_in(region: str) -> dict[str, set[str]]:
    def client(service: str) -> Any:
        return boto3.client(service, region)

    sagemaker, cloudwatch, scaling = client("sagemaker"), client("cloudwatch"), client("application-autoscaling")
    functions, ec2 = client("lambda"), client("ec2")
    names = {
        "stacks": (client("cloudformation").describe_stacks()["Stacks"], "StackName"),
        "endpoints": (sagemaker.list_endpoints()["Endpoints"], "EndpointName"),
        "endpoint configs": (sagemaker.list_endpoint_configs()["EndpointConfigs"], "EndpointConfigName"),
        "models": (sagemaker.list_models()["Models"], "ModelName"),
        "scalable targets": (scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"], "ResourceId"),
        "scaling policies": (scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"], "PolicyName"),
        "alarms": (cloudwatch.describe_alarms()["MetricAlarms"], "AlarmName"),
        "dashboards": (cloudwatch.list_dashboards()["DashboardEntries"], "DashboardName"),
        "functions": (functions.list_functions()["Functions"], "FunctionName"),
        "layers": (functions.list_layers()["Layers"], "LayerName"),
        "APIs": (client("apigateway").get_rest_apis()["items"], "id"),
        "rules": (client("events").list_rules()["Rules"], "Name"),
        "log groups": (client("logs").describe_log_groups()["logGroups"], "logGroupName"),
        "roles": (client("iam").list_roles()["Roles"], "RoleName"),
        "secrets": (client("secretsmanager").list_secrets()["SecretList"], "Name"),
        "buckets": (client("s3").list_buckets()["Buckets"], "Name"),
        "VPCs": (ec2.describe_vpcs()["Vpcs"], "VpcId"),
        "security groups": (ec2.describe_security_groups()["SecurityGroups"], "GroupId"),
        "flow logs": (ec2.describe_flow_logs()["FlowLogs"], "FlowLogId"),
        "tables": ([{"name": name} for name in client("dynamodb").list_tables()["TableNames"]], "name"),
    }
    return {kind: {item[key] for item in items} for kind, (items, key) in names.items()}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port: int) -> None:
    for _ in range(120):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.5)
    raise TimeoutError("the emulator does not listen")


if __name__ == "__main__":
    main()
