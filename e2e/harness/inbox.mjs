import { until } from './processes.mjs';

/** One person's mail. Every message counts once, so that a second code is never mistaken for the first. */
export function mailbox(server, address) {
  const seen = new Set();
  const url = `${server.baseUrl}/inbox.json?to=${encodeURIComponent(address)}`;

  const unread = async () => {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`inbox: ${response.status} ${await response.text()}`);
    const { messages } = await response.json();
    return messages.filter(message => !seen.has(message.id));
  };

  return {
    async unreadCount() {
      return (await unread()).length;
    },
    async nextMessage() {
      const newest = await until(`mail for ${address}`, async () => (await unread())[0], { within: 15_000 });
      for (const message of await unread()) seen.add(message.id);
      seen.add(newest.id);
      return newest;
    },
    async nextCode() {
      const { text } = await this.nextMessage();
      const code = /\b\d{6}\b/.exec(text)?.[0];
      if (!code) throw new Error(`no code in: ${text}`);
      return code;
    },
  };
}
