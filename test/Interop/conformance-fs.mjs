// What the conformance program finds under "fs": Node's own, and a stand-in for globSync, which Node 20 lacks and which its authorization tests never call.
import fs from 'node:fs';
export * from 'node:fs';
export default fs;
export const globSync = fs.globSync ?? (() => { throw new Error('globSync needs Node 22.'); });
