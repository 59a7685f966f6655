"""Runs moto's server with patches for the resource types of our templates. Every patch is below or in resources.py, with its reason.

    python -m emulator.server PORT
"""

from __future__ import annotations

import re
import sys
import traceback
import warnings
from enum import Enum
from typing import Any

from moto.apigateway import models as apigateway
from moto.applicationautoscaling import models, responses
from moto.awslambda import models as awslambda
from moto.cloudformation import models as cloudformation
from moto.cloudformation import parsing
from moto.cloudformation.exceptions import CloudFormationError
from moto.cloudformation.exceptions import ValidationError as StackNotFound
from moto.ec2.models.flow_logs import FlowLogs
from moto.ec2.models.route_tables import RouteTable
from moto.ec2.models.vpcs import VPCEndPoint
from moto.sagemaker import models as sagemaker
from moto.sagemaker.exceptions import ValidationError
from moto.server import main

# 1. The import registers the additional resource types.
from emulator.resources import client_of

# 2. moto knows the dimension `sagemaker:variant:…`, but not the dimension of inference components.
known_dimensions = {dimension.name: dimension.value for dimension in models.ScalableDimensionValueSet}
dimensions = Enum("ScalableDimensionValueSet", known_dimensions | {"COPIES": "sagemaker:inference-component:DesiredCopyCount"})
models.ScalableDimensionValueSet = responses.ScalableDimensionValueSet = dimensions


# 3. moto refuses instance types that are newer than its list, and variants with instance pools. The app checks its types at synth
#    (lib/facts/instance-types.ts).
def validate_instance_types(self: Any, production_variants: list[dict[str, Any]]) -> None:
    for variant in production_variants:
        for pool in variant.get("InstancePools", [variant]):
            if not re.fullmatch(r"ml\.[a-z0-9-]+\.[a-z0-9]+", pool["InstanceType"]):
                raise ValidationError(message=f"{pool['InstanceType']} is no instance type.")


sagemaker.FakeEndpointConfig.validate_production_variants = validate_instance_types


# 4. A variant of inference components has no ModelName. moto raised a KeyError, which the CDK CLI received as an HTML page ("XML parse error").
def validate_production_variants(self: Any, production_variants: list[dict[str, Any]]) -> None:
    named = [variant for variant in production_variants if "ModelName" in variant]
    known_variants(self, named)


known_variants = sagemaker.SageMakerModelBackend.validate_production_variants
sagemaker.SageMakerModelBackend.validate_production_variants = validate_production_variants


# 5. The CDK CLI deploys by change sets. An error in one fails the stack with a reason, as on AWS; moto answered with an HTML page, and the CLI
#    waited forever. After a success, the stack gets its outputs. A change set is deleted once executed: moto finds change sets by name alone, and
#    the CLI uses one name for all stacks, so it would wait for the change set of another stack. Deleting a missing change set is no error;
#    describing one raises ChangeSetNotFound.
def execute_change_set(self: Any, change_set_name: str, stack_name: str | None = None) -> None:
    change_set = known_description(self, change_set_name)
    stack = self.stacks[change_set.stack_id]
    try:
        known_execution(self, change_set_name, stack_name)
        stack._parse_template()
        stack.output_map = stack._create_output_map()
        # moto exports only the outputs of stacks without a change set, see 12.
        self.exports.update({export.name: export for export in stack.exports})
    except Exception as error:
        traceback.print_exc()
        action = change_set.change_set_type
        stack.status = "ROLLBACK_COMPLETE" if action == "CREATE" else "UPDATE_ROLLBACK_COMPLETE"
        stack._add_stack_event(f"{action}_FAILED", resource_status_reason=f"{type(error).__name__}: {error}")
        stack._add_stack_event(stack.status)
    del self.change_sets[change_set.change_set_id]


def delete_change_set(self: Any, change_set_name: str) -> None:
    named = [key for key, value in self.change_sets.items() if change_set_name in (key, value.change_set_name)]
    for key in named:
        del self.change_sets[key]


def describe_change_set(self: Any, change_set_name: str) -> Any:
    try:
        return known_description(self, change_set_name)
    except StackNotFound as error:
        raise ChangeSetNotFound(f"ChangeSet [{change_set_name}] does not exist") from error


class ChangeSetNotFound(CloudFormationError):
    code = "ChangeSetNotFound"


known_description = cloudformation.CloudFormationBackend.describe_change_set
known_execution = cloudformation.CloudFormationBackend.execute_change_set
cloudformation.CloudFormationBackend.execute_change_set = execute_change_set
cloudformation.CloudFormationBackend.describe_change_set = describe_change_set
cloudformation.CloudFormationBackend.delete_change_set = delete_change_set


# 6. moto forgets resources of types that it cannot update, so that they are left behind on delete. They stay unchanged instead.
def parse_and_update_resource(logical_id: str, resource_json: Any, resources_map: Any, account_id: str, region_name: str) -> Any:
    updated = known_update(logical_id, resource_json, resources_map, account_id, region_name)
    return resources_map[logical_id] if updated is None else updated


known_update = parsing.parse_and_update_resource
parsing.parse_and_update_resource = parse_and_update_resource


# 7. moto ignores DependsOn in change sets: it created an API's deployment before its methods.
def parse_and_create_resource(logical_id: str, resource_json: Any, resources_map: Any, account_id: str, region_name: str) -> Any:
    first = resource_json.get("DependsOn", [])
    for name in [first] if isinstance(first, str) else first:
        resources_map[name]
    return known_creation(logical_id, resource_json, resources_map, account_id, region_name)


known_creation = parsing.parse_and_create_resource
parsing.parse_and_create_resource = parse_and_create_resource


# 8. For a parameter that keeps its previous value, moto passes the value from the parameter store instead of its path.
def parse_ssm_parameter(self: Any, value: str, value_type: str) -> Any:
    stored = parsing.ssm_backends[self._account_id][self._region_name].get_parameter(value)
    return value if stored is None else known_parameter(self, value, value_type)


known_parameter = parsing.ResourceMap.parse_ssm_parameter
parsing.ResourceMap.parse_ssm_parameter = parse_ssm_parameter


# 9. moto gives deployments and layers no physical id, which stages and functions refer to, and never deletes APIs and layers.
apigateway.Deployment.physical_resource_id = property(lambda deployment: deployment.id)
awslambda.LayerVersion.physical_resource_id = property(lambda layer: layer.arn)
apigateway.RestAPI.delete = lambda api, account_id, region: client_of(region)("apigateway").delete_rest_api(restApiId=api.id)
awslambda.LayerVersion.delete = lambda layer, account_id, region: client_of(region)("lambda").delete_layer_version(
    LayerName=layer.name, VersionNumber=layer.version
)


# 10. moto never deletes the parts of a VPC, and therefore not the VPC.
def delete_route_table(table: Any, account_id: str, region: str) -> None:
    ec2 = client_of(region)("ec2")
    for association in list(table.associations):
        ec2.disassociate_route_table(AssociationId=association)
    ec2.delete_route_table(RouteTableId=table.id)


RouteTable.delete = delete_route_table
VPCEndPoint.delete = lambda endpoint, account_id, region: client_of(region)("ec2").delete_vpc_endpoints(VpcEndpointIds=[endpoint.id])
FlowLogs.delete = lambda log, account_id, region: client_of(region)("ec2").delete_flow_logs(FlowLogIds=[log.id])


# 11. Deletes resources in the reverse order of their creation, as AWS does. moto retries in any order until all are deleted or none can be.
def delete(self: Any) -> None:
    created = [name for name, resource in self._parsed_resources.items() if name in self._resource_json_map and resource is not None]
    for logical_id in reversed(created):
        resource_json = self._resource_json_map[logical_id]
        if resource_json.get("DeletionPolicy") != "Retain":
            self._delete_resource(self._parsed_resources.pop(logical_id), resource_json)


parsing.ResourceMap.delete = delete


# 12. Stacks that are made by change sets do not see the exports of others. The endpoint's stack imports the isolated network.
def exports_of_region(self: Any) -> Any:
    return cloudformation.cloudformation_backends[self._account_id][self._region_name].exports


parsing.ResourceMap.cross_stack_resources = property(exports_of_region, lambda self, value: None)


if __name__ == "__main__":
    warnings.filterwarnings("ignore", message="Tried to parse .* not supported")
    main(["-H", "127.0.0.1", "-p", sys.argv[1]])
