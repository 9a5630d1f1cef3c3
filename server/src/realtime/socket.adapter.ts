import { IoAdapter } from '@nestjs/platform-socket.io';
import { MAX_SOCKET_MESSAGE_BYTES } from '@consilium/shared';

type Options = NonNullable<Parameters<IoAdapter['createIOServer']>[1]>;

/** Control messages are small: whoever sends more is cut. No CORS: another site's page may not open a socket. */
export class SocketAdapter extends IoAdapter {
  override createIOServer(port: number, options?: Options): ReturnType<IoAdapter['createIOServer']> {
    const limits = {
      maxHttpBufferSize: MAX_SOCKET_MESSAGE_BYTES,
      serveClient: false,
      pingInterval: 10_000,
      pingTimeout: 20_000,
    };
    return super.createIOServer(port, { ...options, ...limits } as Options);
  }
}
