/**
 * Loaded before AWS's runtime interface client: gives it a JavaScript stand-in for its native HTTP client, which needs a C++ toolchain.
 * Everything else is its published code. Its own HTTP client (AWS_LAMBDA_NODEJS_USE_ALTERNATIVE_CLIENT_1) fetches invocations and streams
 * responses, so the stand-in only reports errors.
 */
import { request } from 'node:http';
import Module from 'node:module';

const load = Module._load;
Module._load = (name, ...rest) => (name.endsWith('rapid-client.node') ? { done: unused, error } : load(name, ...rest));

function unused() {
  throw new Error('The handler streams, so no response is sent whole.');
}

function error(id, body) {
  const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
  request({ host, port, method: 'POST', path: `/2018-06-01/runtime/invocation/${id}/error` }).end(body);
}
