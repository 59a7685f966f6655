import type { Context } from 'hono';
import * as z from 'zod';
import { defineApi, route } from '../../apis/api.ts';
import type { AppDependencies, AppEnvironment } from '../../context.ts';
import { ApiError, invalidRequest } from '../../errors/api-error.ts';
import { parseBody } from '../../http/parse-body.ts';
import type { Caller } from '../../keys/key-record.ts';
import type { ModelAutoscaler } from '../../scaling/model-autoscaler.ts';
import {
  loadStatusOf,
  ScalingAdmin,
  scalingChangeSchema,
  scheduleBodySchema,
  scheduleNameSchema,
} from '../../scaling/scaling-admin.ts';

/** `/v1/admin/scaling`: shows and changes how copies scale. `GET /v1/load`: the part that every client may see. */
export const scaling = defineApi({
  routes: {
    getLoad: route('GET', '/v1/load', ({ loads }) => async (context) => {
      const { scaling } = loadNamed(loads, context.req.query('model'));
      const snapshot = await scaling.snapshot({ maxAgeSeconds: 1 });
      const { running, starting } = snapshot.state.copies;
      return context.json({
        model: scaling.options.owner.modelId,
        copies: { running, starting, max: snapshot.policy.scaling.maxCopies },
        ...loadStatusOf(snapshot),
      });
    }),
    getScaling: route('GET', '/v1/admin/scaling', ({ loads }) => async (context) => {
      return context.json(await adminOf(loads, context).status());
    }),
    setScaling: route('PATCH', '/v1/admin/scaling', (dependencies) => async (context) => {
      const change = await parseBody(context.req.raw, scalingChangeSchema);
      return await changed(dependencies, context, 'set scaling', (admin, by) => admin.change(change, by));
    }),
    wakeScaling: route('POST', '/v1/admin/scaling/wake', (dependencies) => async (context) => {
      return await changed(dependencies, context, 'wake', (admin, by) => admin.wake(by));
    }),
    pauseScaling: route('POST', '/v1/admin/scaling/pause', (dependencies) => async (context) => {
      return await changed(dependencies, context, 'pause', (admin, by) => admin.pause(by));
    }),
    resumeScaling: route('POST', '/v1/admin/scaling/resume', (dependencies) => async (context) => {
      return await changed(dependencies, context, 'resume', (admin, by) => admin.resume(by));
    }),
    putScalingSchedule: route('PUT', '/v1/admin/scaling/schedules/:name', (dependencies) => async (context) => {
      const name = scheduleNameOf(context.req.param('name'));
      const body = await parseBody(context.req.raw, scheduleBodySchema);
      const { schedule, timezone, min_copies: min, max_copies: max } = body;
      return await changed(dependencies, context, 'put schedule', (admin, by) =>
        admin.putSchedule({ name, schedule, timezone, min, max }, by),
      );
    }),
    deleteScalingSchedule: route('DELETE', '/v1/admin/scaling/schedules/:name', (dependencies) => async (context) => {
      const name = scheduleNameOf(context.req.param('name'));
      return await changed(dependencies, context, 'delete schedule', async (admin, by) => {
        if (await admin.deleteSchedule(name, by)) return;
        throw new ApiError(
          404,
          `Unknown schedule ${JSON.stringify(name)}. GET /v1/admin/scaling lists all schedules.`,
          {
            code: 'schedule_not_found',
          },
        );
      });
    }),
  },
  describe: async () => (await import('./operations.ts')).description,
});

type AppContext = Context<AppEnvironment>;

/** Applies a change, logs it with its caller, and responds with the new status. */
async function changed(
  { loads, log }: AppDependencies,
  context: AppContext,
  action: string,
  change: (admin: ScalingAdmin, by: Caller) => Promise<void>,
): Promise<Response> {
  const admin = adminOf(loads, context);
  const caller = context.get('caller');
  await change(admin, caller);
  const status = await admin.status();
  log('info', 'admin', { action, model: status.model, by: caller.id, request_id: context.get('requestId') });
  return context.json(status);
}

function adminOf(loads: AppDependencies['loads'], context: AppContext): ScalingAdmin {
  return new ScalingAdmin(loadNamed(loads, context.req.query('model')).scaling);
}

function loadNamed(loads: AppDependencies['loads'], name: string | undefined): ModelAutoscaler {
  const found = name === undefined ? loads?.values().next().value : loads?.get(name);
  if (found !== undefined) return found;
  if (name === undefined || loads === undefined || loads.size === 0) {
    throw new ApiError(404, 'This deployment does not scale by load. Set scaling.thinking for a model in its config.', {
      code: 'no_scaling',
    });
  }
  const known = [...loads.keys()].join(', ');
  throw invalidRequest(
    'model',
    `The model ${JSON.stringify(name.slice(0, 128))} does not scale by load. Models that do: ${known}.`,
  );
}

function scheduleNameOf(name: string): string {
  const parsed = scheduleNameSchema.safeParse(name);
  if (parsed.success) return parsed.data;
  throw invalidRequest('name', `The name of a schedule ${z.flattenError(parsed.error).formErrors.join(', ')}.`);
}
