"""Resource types that moto's CloudFormation skips although moto emulates their service.

Each is created by the service's own API, at the server in AWS_ENDPOINT_URL, so boto3 checks the properties against AWS's model of the call. moto
finds these classes by itself.
"""

from __future__ import annotations

from typing import Any, Callable

import boto3
from moto.core.common_models import CloudFormationModel


class Resource:
    """`put` creates the resource, or updates it if `physical_id` is known, and returns its physical id. `remove` deletes it."""

    type: str
    name_property = ""

    def __init__(self, physical_id: str, region: str) -> None:
        self.physical_resource_id = physical_id
        self.region = region

    @staticmethod
    def put(client: Client, name: str, properties: dict[str, Any], physical_id: str | None) -> str:
        raise NotImplementedError

    @staticmethod
    def remove(client: Client, physical_id: str) -> None:
        raise NotImplementedError

    @staticmethod
    def attributes(client: Client, physical_id: str) -> dict[str, str]:
        return {}

    @classmethod
    def cloudformation_type(cls) -> str:
        return cls.type

    @classmethod
    def cloudformation_name_type(cls) -> str:
        return cls.name_property

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return True

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_: Any
    ) -> Resource:
        return cls(cls.put(client_of(region_name), resource_name, cloudformation_json["Properties"], None), region_name)

    @classmethod
    def update_from_cloudformation_json(
        cls, original_resource: Any, new_resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
    ) -> Resource:
        known = original_resource.physical_resource_id
        name = cloudformation_json["Properties"].get(cls.name_property, known)
        return cls(cls.put(client_of(region_name), name, cloudformation_json["Properties"], known), region_name)

    def delete(self, account_id: str, region_name: str) -> None:
        self.remove(client_of(region_name), self.physical_resource_id)

    def get_cfn_attribute(self, attribute_name: str) -> str:
        return self.attributes(client_of(self.region), self.physical_resource_id)[attribute_name]

    def is_created(self) -> bool:
        return True


Client = Callable[[str], Any]


def client_of(region: str) -> Client:
    return lambda service: boto3.client(service, region_name=region)


def without(properties: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if name not in names}


class Alarm(Resource, CloudFormationModel):
    type = "AWS::CloudWatch::Alarm"
    name_property = "AlarmName"

    @staticmethod
    def put(client, name, properties, physical_id):
        client("cloudwatch").put_metric_alarm(AlarmName=name, **without(properties, "AlarmName"))
        return name

    @staticmethod
    def remove(client, physical_id):
        client("cloudwatch").delete_alarms(AlarmNames=[physical_id])

    @staticmethod
    def attributes(client, physical_id):
        [alarm] = client("cloudwatch").describe_alarms(AlarmNames=[physical_id])["MetricAlarms"]
        return {"Arn": alarm["AlarmArn"]}


class GlobalTable(Resource, CloudFormationModel):
    type = "AWS::DynamoDB::GlobalTable"
    name_property = "TableName"

    @staticmethod
    def put(client, name, properties, physical_id):
        [replica] = properties["Replicas"]
        encryption = properties["SSESpecification"]
        table = {
            "KeySchema": properties["KeySchema"],
            "AttributeDefinitions": properties["AttributeDefinitions"],
            "BillingMode": properties["BillingMode"],
            "SSESpecification": {"Enabled": encryption["SSEEnabled"], "SSEType": encryption["SSEType"]},
            "Tags": replica["Tags"],
        }
        dynamodb = client("dynamodb")
        if physical_id is None:
            dynamodb.create_table(TableName=name, **table)
        dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=properties["TimeToLiveSpecification"])
        dynamodb.update_continuous_backups(
            TableName=name, PointInTimeRecoverySpecification=replica["PointInTimeRecoverySpecification"]
        )
        return name

    @staticmethod
    def remove(client, physical_id):
        client("dynamodb").delete_table(TableName=physical_id)

    @staticmethod
    def attributes(client, physical_id):
        return {"Arn": client("dynamodb").describe_table(TableName=physical_id)["Table"]["TableArn"]}


class Secret(Resource, CloudFormationModel):
    type = "AWS::SecretsManager::Secret"
    name_property = "Name"

    @staticmethod
    def put(client, name, properties, physical_id):
        if physical_id is not None:
            return physical_id
        secrets = client("secretsmanager")
        password = secrets.get_random_password(**properties["GenerateSecretString"])["RandomPassword"]
        secret = without(properties, "Name", "GenerateSecretString")
        return secrets.create_secret(Name=name, SecretString=password, **secret)["ARN"]

    @staticmethod
    def remove(client, physical_id):
        client("secretsmanager").delete_secret(SecretId=physical_id, ForceDeleteWithoutRecovery=True)


class Account(Resource, CloudFormationModel):
    """Setting of the region, which is never deleted."""

    type = "AWS::ApiGateway::Account"

    @staticmethod
    def put(client, name, properties, physical_id):
        change = {"op": "replace", "path": "/cloudwatchRoleArn", "value": properties["CloudWatchRoleArn"]}
        client("apigateway").update_account(patchOperations=[change])
        return name

    @staticmethod
    def remove(client, physical_id):
        pass


class Stage(Resource, CloudFormationModel):
    """Stage without access log and method settings, which moto's CreateStage does not accept."""

    type = "AWS::ApiGateway::Stage"

    @staticmethod
    def put(client, name, properties, physical_id):
        gateway = client("apigateway")
        api, stage, deployment = properties["RestApiId"], properties["StageName"], properties["DeploymentId"]
        if physical_id is None:
            gateway.create_stage(restApiId=api, stageName=stage, deploymentId=deployment)
        else:
            change = {"op": "replace", "path": "/deploymentId", "value": deployment}
            gateway.update_stage(restApiId=api, stageName=stage, patchOperations=[change])
        return stage

    @staticmethod
    def remove(client, physical_id):
        """Does nothing: a stage is deleted with its API, which the stage's id does not identify."""


class Project(Resource, CloudFormationModel):
    type = "AWS::CodeBuild::Project"
    name_property = "Name"

    @staticmethod
    def put(client, name, properties, physical_id):
        names = ("Artifacts", "Environment", "ServiceRole", "TimeoutInMinutes", "Description", "ConcurrentBuildLimit")
        project = camel_case({key: properties[key] for key in names if key in properties})
        source = camel_case(without(properties["Source"], "BuildSpec"))
        project["source"] = {**source, "buildspec": properties["Source"]["BuildSpec"]}
        codebuild = client("codebuild")
        if physical_id is not None:
            codebuild.delete_project(name=physical_id)
        return codebuild.create_project(name=name, **project)["project"]["name"]

    @staticmethod
    def remove(client, physical_id):
        client("codebuild").delete_project(name=physical_id)

    @staticmethod
    def attributes(client, physical_id):
        [project] = client("codebuild").batch_get_projects(names=[physical_id])["projects"]
        return {"Arn": project["arn"]}


def camel_case(value: Any) -> Any:
    if isinstance(value, list):
        return [camel_case(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {f"{name[0].lower()}{name[1:]}": camel_case(item) for name, item in value.items()}


class ScalableTarget(Resource, CloudFormationModel):
    type = "AWS::ApplicationAutoScaling::ScalableTarget"

    @staticmethod
    def put(client, name, properties, physical_id):
        target = {key: properties[key] for key in ("ServiceNamespace", "ResourceId", "ScalableDimension")}
        service = client("application-autoscaling")
        limits = {"MinCapacity": properties["MinCapacity"], "MaxCapacity": properties["MaxCapacity"]}
        service.register_scalable_target(**target, **limits)
        for action in properties.get("ScheduledActions", []):
            service.put_scheduled_action(**target, **action)
        return "|".join((target["ResourceId"], target["ScalableDimension"], target["ServiceNamespace"]))

    @staticmethod
    def remove(client, physical_id):
        client("application-autoscaling").deregister_scalable_target(**target_of(physical_id))


class ScalingPolicy(Resource, CloudFormationModel):
    type = "AWS::ApplicationAutoScaling::ScalingPolicy"

    @staticmethod
    def put(client, name, properties, physical_id):
        policy = without(properties, "ScalingTargetId")
        target = target_of(properties["ScalingTargetId"])
        return client("application-autoscaling").put_scaling_policy(**target, **policy)["PolicyARN"]

    @staticmethod
    def remove(client, physical_id):
        service = client("application-autoscaling")
        for policy in service.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]:
            if policy["PolicyARN"] == physical_id:
                names = ("PolicyName", "ServiceNamespace", "ResourceId", "ScalableDimension")
                service.delete_scaling_policy(**{name: policy[name] for name in names})


def target_of(physical_id: str) -> dict[str, str]:
    resource, dimension, namespace = physical_id.split("|")
    return {"ServiceNamespace": namespace, "ResourceId": resource, "ScalableDimension": dimension}
