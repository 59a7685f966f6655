/** A SageMaker endpoint before a container: `node endpoint.ts URL`. Prints its own URL. */
import { startContainerEndpoint } from '../../local/endpoint/container-endpoint.ts';

const [containerUrl = ''] = process.argv.slice(2);
const endpoint = await startContainerEndpoint({
  ...{ containerUrl, endpointName: 'endpoint', componentName: 'component' },
});
console.log(endpoint.url);
