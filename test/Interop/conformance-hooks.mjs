// Loaded with: node --import ./conformance-hooks.mjs …
import { register } from 'node:module';
const shim = new URL('./conformance-fs.mjs', import.meta.url).href;
register('data:text/javascript,' + encodeURIComponent(`
  export async function resolve(specifier, context, next) {
    return specifier === 'fs' && context.parentURL?.includes('/conformance/') ? { url: ${JSON.stringify(shim)}, shortCircuit: true } : next(specifier, context);
  }`));
