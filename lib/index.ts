/**
 * Constructs for your own CDK app, see docs/constructs.md.
 *
 * @module
 */

export type { FormatName } from '../lambda/forcing/format.ts';
export type { ReasoningEffort } from '../lambda/settings/settings.ts';
export type { ReasoningApiProps } from './api/api-props.ts';
export type { ApiModel } from './api/api-settings.ts';
export type { ExternalModel, ExternalServer, ExternalUpstream, RemoteEndpoint } from './api/external-model.ts';
export type { InlineFallback, ModelFallback } from './api/fallback.ts';
export { ReasoningApi } from './api/reasoning-api.ts';
export { ApiStack, type ApiStackProps } from './api/stack.ts';
export type { ThinkingOverrides } from './api/thinking-defaults.ts';
export {
  type Config,
  ConfigError,
  type ConfigInput,
  type HostedConfig,
  hostedPart,
  loadConfig,
  parseConfig,
} from './config.ts';
export type { AdapterProps, HostedAdapter } from './endpoint/adapter.ts';
export type { CapacityReservation, ScaleIn } from './endpoint/capacity.ts';
export type { ScheduledCopies } from './endpoint/copy-scaling.ts';
export type { Deployment } from './endpoint/deployment.ts';
export type { ReasoningEndpointProps } from './endpoint/endpoint-props.ts';
export type { IReasoningEndpoint, ReferencedModel } from './endpoint/endpoint-reference.ts';
export type { GoodAnswers } from './endpoint/good-answers.ts';
export type { HostedModel } from './endpoint/hosted-model.ts';
export type { ImportedEndpointProps, ImportedModelProps } from './endpoint/imported-endpoint.ts';
export type { ModelProps, ModelScalingProps } from './endpoint/model-props.ts';
export { IsolatedNetwork, type IsolatedNetworkProps, type Network } from './endpoint/network.ts';
export type { OfferedModel } from './endpoint/offered-model.ts';
export { ReasoningEndpoint } from './endpoint/reasoning-endpoint.ts';
export type { Routing } from './endpoint/routing.ts';
export { EndpointStack, type EndpointStackProps } from './endpoint/stack.ts';
export { StuckWatch, type StuckWatchProps } from './endpoint/stuck-watch.ts';
export type { AmiVersion } from './facts/amis.ts';
export type { ContainerImage } from './facts/images.ts';
export type { BudgetMetric } from './facts/metrics.ts';
export type { Copies, Instances } from './facts/placement.ts';
export { type Refusal, RefusedError } from './facts/refusal.ts';
export { Monitoring } from './monitoring/monitoring.ts';
export type {
  MonitoredExternalModel,
  MonitoredModel,
  MonitoringProps,
  MonthlyBudget,
  Threshold,
  Thresholds,
} from './monitoring/monitoring-props.ts';
export type { RetrievalConfig } from './retrieval/retrieval-schema.ts';
export type { Acceleration } from './serving/accelerations.ts';
export { type Architecture, type ArchitectureName, architectures } from './serving/architecture.ts';
export type { ModelSource } from './serving/model-source.ts';
export type { VllmSettings } from './serving/vllm-settings.ts';
export { addStacks } from './stacks.ts';
export { FineTuning } from './training/fine-tuning.ts';
export type { FineTuningProps } from './training/fine-tuning-props.ts';
export { TrainingStack, type TrainingStackProps } from './training/stack.ts';
export type { TrainingConfig } from './training/training-schema.ts';
export { WeightsStack, type WeightsStackProps } from './weights/stack.ts';
export { WeightsProject, type WeightsProjectProps } from './weights/weights-project.ts';
