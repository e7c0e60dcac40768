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
        ...(place ? [`file=${escapeProperty(place.file)}`, `line=${place.line}`] : []),
        `title=${escapeProperty(`bootgate: ${id}`)}`,
      ];
      const text = escapeData(hint ? `${message}\n${hint}` : message);
      return `::${level} ${properties.join(',')}::${text}\n`;
    })
    .join('');
}

const escapeData = (text: string): string =>
  text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
const escapeProperty = (text: string): string =>
  escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');

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
  return `${JSON.stringify(issues, null, 2)}\n`;
}
