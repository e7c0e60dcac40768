import type { ClusterJob } from './job.js';

export interface KubernetesOptions extends ClusterJob {
  /** The container's image. */
  image: string;
  /** The resource of a device plugin that gives /dev/kvm; null: emulation. */
  kvm: string | null;
  /** Of one shard, as Kubernetes writes them: `2`, `4Gi`. */
  cpu: string;
  memory: string;
  /** A claim that is there already; null: one is made. */
  claim: string | null;
  /** Size of the one that is made. */
  storage: string;
}

/** The user of the Containerfile: no account of the host. */
const USER = 10001;
const RESULTS = '/data/results';

/**
 * Kubernetes objects for a run in shards, in the order in which they are applied: a claim for cache and results, an Indexed Job with a pod for
 * each shard, and a suspended Job that merges. A shard that says no has done its work; one that could not decide is tried
 * again, and wrong usage ends the Job at once. Sources: Kubernetes' reference of batch/v1 Job.
 */
export function kubernetesObjects(options: KubernetesOptions): object[] {
  const { name, shards, command, claim, storage } = options;
  const labels = { 'app.kubernetes.io/name': 'bootgate', 'app.kubernetes.io/instance': name };
  const shard = [
    `bootgate "$@" --shard "$((JOB_COMPLETION_INDEX + 1))/${shards}" --results "${RESULTS}/${name}"; code=$?`,
    // 1 is a verdict, which the merge judges.
    '[ "$code" -eq 1 ] && exit 0; exit "$code"',
  ].join('\n');
  const made = {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name, labels },
    spec: { accessModes: ['ReadWriteMany'], resources: { requests: { storage } } },
  };
  const run = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name, labels },
    spec: {
      completionMode: 'Indexed',
      completions: shards,
      parallelism: shards,
      backoffLimitPerIndex: 2,
      podFailurePolicy: {
        rules: [
          {
            action: 'FailJob',
            onExitCodes: { containerName: 'bootgate', operator: 'In', values: [2] },
          },
        ],
      },
      template: podOf(options, labels, ['sh', '-c', shard, 'sh', ...command], options.kvm),
    },
  };
  const merge = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: `${name}-merge`, labels },
    spec: {
      suspend: true,
      backoffLimit: 0,
      template: podOf(
        options,
        labels,
        ['bootgate', 'merge', `${RESULTS}/${name}`, '--results', `${RESULTS}/${name}-merged`],
        null,
      ),
    },
  };
  return [...(claim === null ? [made] : []), run, merge];
}

function podOf(
  { name, image, cpu, memory, claim }: KubernetesOptions,
  labels: object,
  words: readonly string[],
  kvm: string | null,
): object {
  return {
    metadata: { labels },
    spec: {
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: USER,
        runAsGroup: USER,
        fsGroup: USER,
        seccompProfile: { type: 'RuntimeDefault' },
      },
      containers: [
        {
          name: 'bootgate',
          image,
          // Kubernetes itself replaces $(NAME): doubled, it is left alone.
          command: words.map((word) => word.replaceAll('$(', '$$$$(')),
          env: [
            { name: 'BOOTGATE_CACHE', value: '/data/cache' },
            { name: 'HOME', value: '/tmp' },
          ],
          resources: {
            requests: { cpu, memory },
            limits: { memory, ...(kvm === null ? {} : { [kvm]: '1' }) },
          },
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
          volumeMounts: [
            { name: 'data', mountPath: '/data' },
            { name: 'scratch', mountPath: '/tmp' },
          ],
        },
      ],
      volumes: [
        { name: 'data', persistentVolumeClaim: { claimName: claim ?? name } },
        { name: 'scratch', emptyDir: {} },
      ],
    },
  };
}

/** The objects as one YAML stream, with what to do about them. */
export async function kubernetesManifest(options: KubernetesOptions): Promise<string> {
  const { stringify } = await import('yaml');
  const { name } = options;
  const head = [
    '# kubectl apply -f THIS-FILE',
    `# kubectl wait --for=condition=Complete --timeout=6h job/${name}`,
    `# kubectl patch job/${name}-merge -p '{"spec":{"suspend":false}}'`,
    `# kubectl logs -f job/${name}-merge    # its exit code is the gate's`,
  ];
  const documents = kubernetesObjects(options).map((object) =>
    stringify(object, { lineWidth: 0, aliasDuplicateObjects: false }),
  );
  return `${head.join('\n')}\n---\n${documents.join('---\n')}`;
}
