/** The library's watch, made safe to go on with: it never rejects, and a server that is silent from the start is a failure. */
import type * as Client from '@kubernetes/client-node';

export interface WatchState {
  /** The API server answered a request to watch. */
  onUp(): void;
  /** No watch begins any more, also where a list was under way. */
  isStopped(): boolean;
}

/**
 * The library starts a watch anew by itself when one ends, and nothing takes what that rejects with, such as a token that
 * can't be read: it would end the process. It also takes the silence of a server that never answered for that of a watch on
 * which nothing happens. Both are told as errors here, after which the informer has to be started again.
 */
export function createGuardedWatch(
  client: typeof Client,
  config: Client.KubeConfig,
  state: WatchState,
): Client.Watch {
  const watch = new client.Watch(config);
  const connect = watch.watch.bind(watch);
  watch.watch = async (path, queryParams, callback, done) => {
    if (state.isStopped()) return new AbortController();
    const ended = { isOver: false };
    let isAnswered = false;
    const end = (error: unknown) => {
      ended.isOver = true;
      done(isAnswered || error === null ? error : asFailure(error));
    };
    try {
      const controller = await connect(path, queryParams, callback, end);
      isAnswered = true;
      if (!ended.isOver) state.onUp();
      return controller;
    } catch (error) {
      end(error);
      return new AbortController();
    }
  };
  return watch;
}

/** What the informer reports, and does not wait out: 410 it answers by listing again. */
function asFailure(error: unknown): unknown {
  const isSilence = error instanceof Error && error.name === 'TimeoutError';
  return isSilence ? new Error('the API server does not answer', { cause: error }) : error;
}
