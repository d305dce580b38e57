// @modelcontextprotocol/sdk, which speaks revisions up to 2025-11-25: see driver.mjs.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { ElicitRequestSchema, ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { drive } from './driver.mjs';

drive(async (config, hooks) => {
    const capabilities = config.asks ? { elicitation: { form: {} } } : {};
    const client = new Client({ name: 'sdk', version: '1' }, { capabilities });
    if (config.asks) client.setRequestHandler(ElicitRequestSchema, (request) => hooks.asked(request.params));
    client.setNotificationHandler(ToolListChangedNotificationSchema, hooks.changed);
    client.onerror = hooks.trouble;
    const { command, args, env } = config;
    await client.connect(new StdioClientTransport({ command, args, env }), { timeout: 600000 });
    return {
        version: '2025-11-25',
        list: () => client.listTools(),
        call: (m, options) => client.callTool({ name: m.name, arguments: m.arguments }, undefined, options),
        listen: async () => null,
        close: () => client.close(),
    };
});
