/**
 * Time for which target tracking's alarm must see low values before copies are removed, in seconds: 15 data points of a minute,
 * or 90 of 10 seconds for a high-resolution metric.
 *
 * @see https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html
 */
export const TARGET_TRACKING_SCALE_IN_SECONDS = 15 * 60;

/** Time for which an instance without a copy keeps running and is charged, in seconds. An assumption: AWS documents none. */
export const IDLE_INSTANCE_SECONDS = 10 * 60;
