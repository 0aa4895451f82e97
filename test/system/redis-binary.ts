/** Finds Debian's Redis. */
import { debianBinary } from './debian-binary.ts';

/** @throws Error that says how to install it. */
export const redisBinary = () => debianBinary('redis-server', 'redis-server');
