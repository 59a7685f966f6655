import { installVllm } from './install.ts';

console.log(await installVllm({ yes: process.argv.includes('--yes') }));
