/**
 * That the docs hold together: each link between pages leads to a file, and to a heading in it; each page that a source
 * file names is there; and each page below docs/ can be reached from README.md by links.
 */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { ROOT } from './run.ts';

const SOURCES =
  '{.ci/run,*.{js,json,ts},{bench,clients,deploy,examples,helm,quickstart,scripts,src,test}/**/*.*}';
const NOT_OURS = (path: string) => /(^|\/)(node_modules|lib|\.cache|\.run)$/.test(path);

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const exists = (path: string) => existsSync(join(ROOT, path));

interface Link {
  /** From the repository's root. */
  readonly path: string;
  readonly anchor: string | undefined;
  readonly text: string;
}

const withoutCode = (text: string) => text.replace(/^( *)```[^]*?^\1```/gm, '').replace(/`[^`\n]*`/g, '');

/** Links within the repository. */
function linksIn(page: string): Link[] {
  return [...withoutCode(read(page)).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, text = '']) => {
    if (/^[a-z]+:/.test(text)) return [];
    const [path = '', anchor] = text.split('#');
    return [{ path: path === '' ? page : normalize(join(dirname(page), path)), anchor, text }];
  });
}

/** The anchors that GitHub gives to a page's headings. */
function anchorsOf(page: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading = ''] of read(page)
    .replace(/^```[^]*?^```/gm, '')
    .matchAll(/^#+ (.+)$/gm)) {
    const anchor = heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-');
    let unique = anchor;
    for (let number = 1; anchors.has(unique); number++) unique = `${anchor}-${number}`;
    anchors.add(unique);
  }
  return anchors;
}

function deadLinks(page: string): string[] {
  return linksIn(page).flatMap(({ path, anchor, text }) => {
    if (!exists(path)) return [`${page}: ${text} leads to no file`];
    if (anchor === undefined || anchorsOf(path).has(anchor)) return [];
    return [`${page}: ${text} leads to no heading`];
  });
}

/** Comments and messages name pages as well, from the repository's root. */
function deadMentions(file: string): string[] {
  const mentions = read(file).match(/\b(docs|test)\/[\w/-]+\.md\b/g) ?? [];
  return mentions.filter((path) => !exists(path)).map((path) => `${file}: ${path} is not there`);
}

function reachableFrom(page: string, seen = new Set<string>()): Set<string> {
  if (seen.has(page)) return seen;
  seen.add(page);
  const onwards = linksIn(page).filter(({ path }) => path.endsWith('.md') && exists(path));
  onwards.forEach(({ path }) => reachableFrom(path, seen));
  return seen;
}

const pages = globSync('**/*.md', { cwd: ROOT, exclude: NOT_OURS });
const sources = globSync(SOURCES, { cwd: ROOT, exclude: NOT_OURS });
const reached = reachableFrom('README.md');
// Parts of a generated page, which is the one that is read.
const isPage = (path: string) => path.startsWith('docs/') && !path.endsWith('.intro.md');
const problems = [
  ...pages.flatMap(deadLinks),
  ...sources.flatMap(deadMentions),
  ...pages
    .filter((page) => isPage(page) && !reached.has(page))
    .map((page) => `${page}: README.md leads there by no link`),
];
problems.forEach((problem) => console.error(problem));
if (problems.length > 0) process.exitCode = 1;
