import { Stack } from 'aws-cdk-lib';
import { Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { CfnFunction, type Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { acknowledgeArn } from '../checks/acknowledge.ts';
import { type Network, toVpcConfig } from '../endpoint/network.ts';

/** What Lambda does in a network for a function, with the function's role. */
const INTERFACE_ACTIONS = [
  'ec2:CreateNetworkInterface',
  'ec2:DescribeNetworkInterfaces',
  'ec2:DescribeSubnets',
  'ec2:DeleteNetworkInterface',
  'ec2:AssignPrivateIpAddresses',
  'ec2:UnassignPrivateIpAddresses',
];

/**
 * Gives a function its network interfaces in a network. Lambda makes them with the function's role; the code of a function may not.
 *
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
 */
export function putIntoNetwork(handler: LambdaFunction, network: Network): void {
  const { role } = handler;
  const resource = handler.node.defaultChild;
  if (!(resource instanceof CfnFunction) || role === undefined) return;
  const { subnets, securityGroupIds } = toVpcConfig(network);
  resource.vpcConfig = { subnetIds: subnets, securityGroupIds };
  role.addToPrincipalPolicy(new PolicyStatement({ actions: INTERFACE_ACTIONS, resources: ['*'] }));
  const anyFunction = Stack.of(handler).formatArn({ service: 'lambda', resource: 'function:*' });
  role.addToPrincipalPolicy(
    new PolicyStatement({
      effect: Effect.DENY,
      actions: INTERFACE_ACTIONS,
      resources: ['*'],
      conditions: { ArnLike: { 'lambda:SourceFunctionArn': anyFunction } },
    }),
  );
  const reason =
    'Lambda makes the interfaces of a VPC with these actions, most of which accept no resources; code of a function is denied them.';
  acknowledgeArn(role, 'IAM5', 'Resource', '*', reason);
}
