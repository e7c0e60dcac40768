import { forGithub, forGithubProperty, forJson } from '../printable.js';
import type { Remark } from './remarks.js';

/**
 * Workflow commands of GitHub Actions, a line each: `::error file=F,line=L,title=T::MESSAGE`. The runner reads them from
 * the output of any step. % CR LF are escaped everywhere, `:` and `,` in properties (actions/toolkit, command.ts). Notes
 * are left out: GitHub shows ten annotations of a kind.
 */
export function githubAnnotations(remarks: readonly Remark[]): string {
  return remarks
    .filter(({ level }) => level !== 'note')
    .map(({ level, id, message, hint, place }) => {
      const properties = [
        ...(place ? [`file=${forGithubProperty(place.file)}`, `line=${place.line}`] : []),
        `title=${forGithubProperty(`bootgate: ${id}`)}`,
      ];
      const text = forGithub(hint ? `${message}\n${hint}` : message);
      return `::${level} ${properties.join(',')}::${text}\n`;
    })
    .join('');
}

const GITLAB_SEVERITIES = { error: 'critical', warning: 'minor', note: 'info' } as const;

/**
 * GitLab's Code Quality report, a JSON array (the part of Code Climate's format that GitLab reads): description,
 * check_name, fingerprint, severity, location.path and location.lines.begin. What has no place cannot be in it.
 */
export function gitlabCodeQuality(remarks: readonly Remark[]): string {
  const issues = remarks.flatMap(({ id, level, message, hint, fingerprint, place }) =>
    place
      ? [
          {
            description: hint ? `${message} -> ${hint}` : message,
            check_name: id,
            fingerprint,
            severity: GITLAB_SEVERITIES[level],
            location: { path: place.file, lines: { begin: place.line } },
          },
        ]
      : [],
  );
  return forJson(issues);
}
