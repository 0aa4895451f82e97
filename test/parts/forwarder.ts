/** A port that leads to another one, which a test may change: as a service does whose pods come and go. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface Forwarder extends AsyncDisposable {
  readonly url: string;
  /** New connections lead there, on this machine where no host is named; those that are open are cut. Without a port nobody is there. */
  leadTo(port: number | undefined, host?: string): void;
}

export async function startForwarder(): Promise<Forwarder> {
  let target: { readonly port: number; readonly host: string } | undefined;
  const open = new Set<Socket>();
  const track = (socket: Socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket)).on('error', () => socket.destroy());
  };
  const server = createServer((from) => {
    track(from);
    if (target === undefined) return void from.destroy();
    const to = connect(target);
    track(to);
    from.pipe(to).pipe(from);
    from.on('close', () => to.destroy());
    to.on('close', () => from.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const leadTo = (port: number | undefined, host = '127.0.0.1') => {
    target = port === undefined ? undefined : { port, host };
    open.forEach((socket) => socket.destroy());
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    leadTo,
    [Symbol.asyncDispose]: async () => {
      server.close();
      leadTo(undefined);
      await once(server, 'close');
    },
  };
}
