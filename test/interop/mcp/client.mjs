// @modelcontextprotocol/client, which speaks both eras, and finds out or is told which: see driver.mjs.
import { Client, specTypeSchemas, withInputRequired } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { drive } from './driver.mjs';

const MODES = { legacy: 'legacy', auto: 'auto', pin: { pin: '2026-07-28' } };

drive(async (config, hooks) => {
    const capabilities = config.asks ? { elicitation: { form: {} } } : {};
    const versionNegotiation = { mode: MODES[config.mode], probe: { timeoutMs: 600000 } };
    const client = new Client({ name: 'client', version: '1' }, { capabilities, versionNegotiation });
    if (config.asks) client.setRequestHandler('elicitation/create', (request) => hooks.asked(request.params));
    client.setNotificationHandler('notifications/tools/list_changed', hooks.changed);
    client.onerror = hooks.trouble;
    const { command, args, env } = config;
    await client.connect(new StdioClientTransport({ command, args, env }), { timeout: 600000 });
    const version = client.getNegotiatedProtocolVersion();
    return {
        version,
        list: () => client.listTools(),
        call: (m, options) => {
            const params = { name: m.name, arguments: m.arguments };
            if (!m.manual) return client.callTool(params, options);
            // What asks for input has no content yet, which callTool() would miss.
            const again = { ...params, inputResponses: m.inputResponses, requestState: m.requestState };
            const schema = withInputRequired(specTypeSchemas.CallToolResult);
            const request = { method: 'tools/call', params: again };
            return client.request(request, schema, { ...options, allowInputRequired: true });
        },
        listen: async () => {
            if (version === '2026-07-28') await client.listen({ toolsListChanged: true }, { timeout: 600000 });
        },
        close: () => client.close(),
    };
});
