import type { Context, Hono } from 'hono';
import * as z from 'zod';
import type { AppDependencies, AppEnvironment } from '../context.ts';
import { ApiError, invalidRequest } from '../errors/api-error.ts';
import { parseBody } from '../http/parse-body.ts';
import type { ModelAutoscaler } from '../scaling/model-autoscaler.ts';
import {
  loadStatusOf,
  ScalingAdmin,
  scalingChangeSchema,
  scheduleBodySchema,
  scheduleNameSchema,
} from '../scaling/scaling-admin.ts';

type AppContext = Context<AppEnvironment>;

/** `/v1/admin/scaling`: shows and changes how copies scale; `GET /v1/load`: what every client may know of it. */
export function adminScaling(app: Hono<AppEnvironment>, { loads, log }: AppDependencies): void {
  const adminOf = (context: AppContext) => new ScalingAdmin(loadNamed(loads, context.req.query('model')).scaling);
  /** Changes something, says so in the log, and shows what holds then. */
  const changing = async (context: AppContext, action: string, change: (admin: ScalingAdmin) => Promise<void>) => {
    const admin = adminOf(context);
    await change(admin);
    const status = await admin.status();
    log('info', 'admin', {
      action,
      model: status.model,
      by: context.get('caller').id,
      request_id: context.get('requestId'),
    });
    return context.json(status);
  };

  app.get('/v1/load', async (context) => {
    const { scaling } = loadNamed(loads, context.req.query('model'));
    const snapshot = await scaling.snapshot(1);
    const { running, starting } = snapshot.state.copies;
    return context.json({
      model: scaling.options.owner.modelId,
      copies: { running, starting, max: snapshot.policy.scaling.maxCopies },
      ...loadStatusOf(snapshot),
    });
  });

  app.get('/v1/admin/scaling', async (context) => context.json(await adminOf(context).status()));
  app.patch('/v1/admin/scaling', async (context) => {
    const change = await parseBody(context.req.raw, scalingChangeSchema);
    return await changing(context, 'set scaling', (admin) => admin.change(change, context.get('caller')));
  });
  for (const action of ['wake', 'pause', 'resume'] as const) {
    app.post(`/v1/admin/scaling/${action}`, async (context) =>
      changing(context, action, (admin) => admin[action](context.get('caller'))),
    );
  }
  app.put('/v1/admin/scaling/schedules/:name', async (context) => {
    const name = nameOf(context.req.param('name'));
    const {
      schedule,
      timezone,
      min_copies: min,
      max_copies: max,
    } = await parseBody(context.req.raw, scheduleBodySchema);
    return await changing(context, 'put schedule', (admin) =>
      admin.putSchedule({ name, schedule, timezone, min, max }, context.get('caller')),
    );
  });
  app.delete('/v1/admin/scaling/schedules/:name', async (context) => {
    const name = nameOf(context.req.param('name'));
    return await changing(context, 'delete schedule', async (admin) => {
      if (await admin.deleteSchedule(name, context.get('caller'))) return;
      throw new ApiError(404, `There is no schedule ${JSON.stringify(name)}. GET /v1/admin/scaling shows all.`, {
        code: 'schedule_not_found',
      });
    });
  });
}

function loadNamed(loads: AppDependencies['loads'], name: string | undefined): ModelAutoscaler {
  const found = name === undefined ? loads?.values().next().value : loads?.get(name);
  if (found !== undefined) return found;
  if (name === undefined || loads === undefined || loads.size === 0) {
    throw new ApiError(404, 'This deployment does not scale by load: no model of its config has scaling.thinking.', {
      code: 'no_scaling',
    });
  }
  const known = [...loads.keys()].join(', ');
  throw invalidRequest(
    'model',
    `model is ${JSON.stringify(name.slice(0, 128))}, which does not scale by load. There are: ${known}.`,
  );
}

function nameOf(name: string): string {
  const parsed = scheduleNameSchema.safeParse(name);
  if (parsed.success) return parsed.data;
  throw invalidRequest('name', `The name of a schedule ${z.flattenError(parsed.error).formErrors.join(', ')}.`);
}
