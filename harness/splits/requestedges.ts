import type { ModuleIndex } from '../modules/module.js';
import type { CheckFinding, CheckInput, RequestEdge } from './finding.js';
import { Homes } from './homes.js';
import { REQUEST_ROWS } from './requestrows.js';
import { listed } from './settle.js';

/** The edges of the table that are about modules of a tree. */
export function knownRequests(index: ModuleIndex): RequestEdge[] {
  return REQUEST_ROWS.flatMap(([users, to, evidence]) =>
    users
      .split(' ')
      .flatMap((from) => (index.modules.has(from) ? [{ from, to: to.split(' '), evidence }] : [])),
  );
}

/** One warning for each request that a package makes and that no module installed with it answers. */
export function requestFindings({ split, index, requests }: CheckInput): CheckFinding[] {
  const homes = new Homes(split, index);
  const unanswered = new Map<
    string,
    { home: string; edge: RequestEdge; answers: string[]; users: Set<string> }
  >();
  const answersOf = new Map<string, string[] | null>();
  for (const edge of requests ?? []) {
    const asked = edge.to.join(' ');
    const answers = answersOf.get(asked) ?? answeredBy(edge.to, index);
    answersOf.set(asked, answers);
    if (!answers) continue;
    for (const home of homes.of(edge.from)) {
      if (answers.some((name) => homes.reaches(home, name))) continue;
      const key = `${home}:${listed(answers, (one) => one)}`;
      const found = unanswered.get(key) ?? { home, edge, answers, users: new Set() };
      // One strong reason outweighs weak ones.
      if (found.edge.severity && !edge.severity) found.edge = edge;
      found.users.add(edge.from);
      unanswered.set(key, found);
    }
  }
  return [...unanswered].map(([key, { home, edge, answers, users }]): CheckFinding => {
    const [first] = answers;
    const place = split.placement.get([...users][0] as string)?.rule;
    const asked = edge.to.find((word) => word.replaceAll('-', '_') !== first);
    return {
      id: 'request-edge',
      key: `request-edge:${key}`,
      severity: edge.severity ?? 'warning',
      message: `${listed([...users], (user) => user)} in ${home} ${users.size === 1 ? 'asks' : 'ask'} the kernel to load ${listed(answers, (one) => one)}${asked ? ` (as ${asked})` : ''}, which is ${homes.where(first)}: ${edge.evidence}`,
      ...(first ? { module: first, mend: homes.moveDown(first, home) } : {}),
      package: home,
      ...(place ? { place } : {}),
    };
  });
}

/** The modules that answer one of the requests; null where a built-in does, or nothing in this kernel. */
function answeredBy(requests: readonly string[], index: ModuleIndex): string[] | null {
  const nothing: ReadonlySet<string> = new Set();
  const names = new Set<string>();
  for (const request of requests) {
    if (index.resolve(request, nothing).kind === 'builtin') return null;
    const found = index.resolve(request);
    if (found.kind === 'builtin') return null;
    if (found.kind === 'modules') for (const name of found.names) names.add(name);
  }
  return names.size > 0 ? [...names] : null;
}
