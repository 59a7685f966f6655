/**
 * The constructs, for CDK apps of one's own: docs/constructs.md.
 *
 * @module
 */
export type { FormatName, ReasoningEffort } from '../lambda/settings.ts';
export type { Acceleration } from './accelerations.ts';
export type { AdapterProps, HostedAdapter } from './adapter.ts';
export type { ApiModel } from './api-settings.ts';
export { ApiStack, type ApiStackProps } from './api-stack.ts';
export { type Architecture, type ArchitectureName, architectures } from './architecture.ts';
export type { CapacityReservation, ScaleIn } from './capacity.ts';
export { type Config, ConfigError, type ConfigInput, loadConfig, parseConfig } from './config.ts';
export type { AmiVersion, ContainerImage } from './container-image.ts';
export type { ScheduledCopies } from './copy-scaling.ts';
export type { Deployment } from './deployment.ts';
export { EndpointStack, type EndpointStackProps } from './endpoint-stack.ts';
export type { HostedModel, ModelProps, ModelScaling } from './hosted-model.ts';
export type { BudgetMetric } from './metrics.ts';
export type { ModelSource } from './model-source.ts';
export { IsolatedNetwork, type IsolatedNetworkProps, type Network } from './network.ts';
export type { OfferedModel } from './offered-model.ts';
export type { Copies, Instances } from './placement.ts';
export { ReasoningApi, type ReasoningApiProps } from './reasoning-api.ts';
export { ReasoningEndpoint, type ReasoningEndpointProps } from './reasoning-endpoint.ts';
export { type Refusal, RefusedError } from './refusal.ts';
export type { Routing } from './routing.ts';
export { addStacks } from './stacks.ts';
export type { ThinkingOverrides } from './thinking-defaults.ts';
export type { VllmSettings } from './vllm-environment.ts';
