import { Command, Option } from 'commander';
import { exitStatus } from './exit.ts';
import type { Implementations } from './implementations.ts';
import { addCluster, addServers, addTabletServer, addTiering, addTieringService } from './programBeside.ts';
import {
  addCredentials,
  addHelp,
  collect,
  examples,
  fileOption,
  jsonOption,
  logOption,
  operatorOption,
  tlsOptions,
  upTo,
} from './programParts.ts';
import { release } from './release.ts';
import { defaultConfigFile, settingNames, variableOf } from './settingNames.ts';
import type { Terminal } from './terminal.ts';

// Each command loads what it needs when it is called: `--help` and a typing mistake are answered at once.

/** The whole command line. Wrong usage is thrown as CommanderError after commander has said what is wrong. */
export function createProgram(parts: Implementations, terminal: Terminal): Command {
  const program = new Command('chancery')
    .description('An event-sourced coordinator: every administrative act is an event in one replicated log.')
    .version(release, '-V, --version', 'print the release')
    .helpOption('-h, --help', 'explain the command')
    .showHelpAfterError('(more: add --help)')
    .enablePositionalOptions() // Some commands have options of the same name as those below them.
    .exitOverride()
    .configureOutput({ writeOut: (text) => terminal.out.write(text), writeErr: (text) => terminal.err.write(text) })
    .addHelpText('after', `\nExit status: ${exitStatusText}`);
  addServe(program, parts, terminal);
  addSql(program, terminal);
  addHistory(program, terminal);
  addStatus(program, terminal);
  addAt(program, terminal);
  addReplay(program, parts, terminal);
  addVerify(program, parts, terminal);
  addTransfer(program, parts, terminal);
  addAccess(program, terminal);
  addKeys(program, terminal);
  addTokens(program, terminal);
  addHashPassword(program, terminal);
  addRebalance(program, terminal);
  addServers(program, terminal);
  addTiering(program, terminal);
  addTabletServer(program, parts, terminal);
  addTieringService(program, parts, terminal);
  addCluster(program, terminal);
  for (const command of asking(program)) {
    for (const option of tlsOptions(terminal.env)) command.addOption(option);
    addCredentials(command, terminal);
  }
  addHelp(program);
  return program;
}

const exitStatusText = [
  `${exitStatus.done} done`,
  `${exitStatus.refused} refused`,
  `${exitStatus.usage} wrong usage`,
  `${exitStatus.unreachable} not reachable`,
  `${exitStatus.unknown} outcome unknown`,
].join(', ');

/** All commands that ask a node: they are reached over TLS alike. */
const asking = (command: Command): readonly Command[] =>
  command.commands.flatMap((each) => [
    ...(each.name() !== 'serve' && each.options.some(({ long }) => long === '--operator') ? [each] : []),
    ...asking(each),
  ]);
function addServe(program: Command, parts: Implementations, terminal: Terminal): void {
  const command = program
    .command('serve')
    .description('Run a node. Settings come by flag, by variable (CHANCERY_NODE_ID) and from a YAML file, in that order.')
    .option('--config <FILE>', `the settings file (default: ${defaultConfigFile} where there is one)`);
  for (const setting of settingNames) {
    const about = 'fallback' in setting ? `${setting.about} (default: ${setting.fallback})` : setting.about;
    command.option(`--${setting.name} <${setting.form}>`, about);
  }
  command
    .addHelpText(
      'after',
      examples(
        'chancery serve',
        'chancery serve --node-id n2 --log file:/var/lib/chancery --operator 127.0.0.1:8490 --meta-service off',
        `${variableOf('cluster-secret')}=... chancery serve --node-id n1 --log zookeeper://zk1:2181,zk2:2181/chancery`,
      ),
    )
    .action(async (options: Readonly<Record<string, string>>) => {
      const { serve } = await import('./serve.ts');
      const names = ['config', ...settingNames.map(({ name }) => name)];
      const flags = Object.fromEntries(names.map((name) => [name, options[camelCase(name)]]));
      await serve(flags, parts, terminal);
    });
}

const camelCase = (name: string): string => name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());

function addSql(program: Command, terminal: Terminal): void {
  program
    .command('sql')
    .description('Carry out SQL: a statement, a file, standard input, or what is typed at a prompt.')
    .argument('[statement]', 'one or several statements with semicolons between')
    .option('-f, --file <FILE>', 'read the statements from a file')
    .addOption(operatorOption(terminal.env))
    .addOption(jsonOption().conflicts('csv'))
    .option('--csv', 'answer as CSV')
    .option('--database <NAME>', 'resolve names in this database first, as USE does')
    .option('--reason <TEXT>', 'why; kept with the act in the history')
    .option('--idempotency-key <KEY>', 'carry it out once, however often it is sent with this key')
    .addHelpText(
      'after',
      examples(
        'chancery sql "SHOW PROCEDURES"',
        `chancery sql "CALL sys.set_cluster_configs('datalake.format', 'paimon')" --reason "the lake is ready"`,
        `chancery sql --csv "SELECT * FROM sys.cluster_configs" > configs.csv`,
        'chancery sql',
      ),
    )
    .action(async (statement: string | undefined, options: object) => {
      const { sql } = await import('./sql.ts');
      await sql(statement, options as Parameters<typeof sql>[1], terminal);
    });
}

const filterOptions = (command: Command): Command =>
  command
    .option('--type <TYPE>', 'only events of this type, such as ClusterAdded; several with commas', collect)
    .option('--subject <SUBJECT>', 'only what is about this: config/datalake.format, instance/i1, cluster/i1/c1, or config/* for a family');

function addHistory(program: Command, terminal: Terminal): void {
  filterOptions(program.command('history').description('Who changed what, and when; the newest last.'))
    .option('--principal <NAME>', 'only what this principal did: User:alice')
    .option('--since <TIME>', 'from this time on: 23:00, 2h, 2026-11-20, 2026-11-20T23:00:00Z')
    .option('--until <TIME>', 'up to this time')
    .option('--limit <N>', 'at most the newest N', upTo(100_000), 50)
    .option('-f, --follow', 'go on with what happens from now on')
    .addOption(operatorOption(terminal.env))
    .addOption(jsonOption())
    .addHelpText(
      'after',
      examples('chancery history', 'chancery history --since 2h --subject "instance/*"', 'chancery history --follow --json'),
    )
    .action(async (options: object) => {
      const { history } = await import('./history.ts');
      await history(options as Parameters<typeof history>[0], terminal);
    });
}

function addStatus(program: Command, terminal: Terminal): void {
  program
    .command('status')
    .description('Every node: its role, how far it is, and what is wrong with it.')
    .addOption(operatorOption(terminal.env))
    .addOption(jsonOption())
    .addHelpText('after', examples('chancery status', 'chancery status --json'))
    .action(async (options: object) => {
      const { status } = await import('./status.ts');
      await status(options as Parameters<typeof status>[0], terminal);
    });
}

function addAt(program: Command, terminal: Terminal): void {
  program
    .command('at')
    .description('The state as it was at a position or a time.')
    .argument('<moment>', 'a position, or a time: 23:00, yesterday 23:00, 2h, 2026-11-20T23:00:00Z')
    .argument('[path]', 'only this part: configs.dynamic, coordinators, instances, clusters, storage and so on')
    .addOption(operatorOption(terminal.env))
    .addOption(jsonOption())
    .addHelpText('after', examples('chancery at 2', 'chancery at "yesterday 23:00" configs.dynamic', 'chancery at 2h --json'))
    .action(async (moment: string, path: string | undefined, options: object) => {
      const { at } = await import('./at.ts');
      await at(moment, path, options as Parameters<typeof at>[2], terminal);
    });
}

function addReplay(program: Command, parts: Implementations, terminal: Terminal): void {
  filterOptions(program.command('replay').description('Walk through the log: each act in words, and what it changed in the state.'))
    .option('--from <MOMENT>', 'begin at this position or time')
    .option('--to <MOMENT>', 'end with this position or time')
    .option('--step', 'wait for Enter after each act')
    .addOption(fileOption().conflicts('log'))
    .addOption(logOption())
    .addOption(operatorOption(terminal.env))
    .addOption(jsonOption())
    .addHelpText(
      'after',
      examples(
        'chancery replay --from 2 --step',
        'chancery replay --file backup.ndjson --subject "config/*"',
        'chancery replay --log file:./data --to 23:00',
      ),
    )
    .action(async (options: object) => {
      const { replay } = await import('./replay.ts');
      await replay(options as Parameters<typeof replay>[0], parts, terminal);
    });
}

function addVerify(program: Command, parts: Implementations, terminal: Terminal): void {
  program
    .command('verify')
    .description('Check the whole log: the chain of hashes, every schema, the fold. Names the first bad position.')
    .addOption(fileOption().conflicts('log'))
    .addOption(logOption())
    .addOption(operatorOption(terminal.env))
    .addOption(jsonOption())
    .option('--secret-key-file <FILE>', 'see that every secret opens with this master key (default: CHANCERY_SECRET_KEY_FILE)')
    .addHelpText(
      'after',
      examples('chancery verify', 'chancery verify --file backup.ndjson', 'chancery verify --log file:./data --secret-key-file secret.key'),
    )
    .action(async (options: object) => {
      const { verify } = await import('./verify.ts');
      await verify(options as Parameters<typeof verify>[0], parts, terminal);
    });
}

function addTransfer(program: Command, parts: Implementations, terminal: Terminal): void {
  program
    .command('export')
    .description('Write the whole log out, one entry per line (NDJSON), to a file or to standard output.')
    .argument('[file]', 'a new file; without one, or with -, standard output')
    .option('--force', 'write over a file that is there')
    .addOption(logOption())
    .addOption(operatorOption(terminal.env))
    .addHelpText('after', examples('chancery export backup.ndjson', 'chancery export --log file:./data | gzip > backup.ndjson.gz'))
    .action(async (file: string | undefined, options: object) => {
      const { exportLog } = await import('./transfer.ts');
      await exportLog(file, options as Parameters<typeof exportLog>[1], parts, terminal);
    });
  program
    .command('import')
    .description('Write an exported log into an empty one; positions, times and hashes stay as they were.')
    .argument('<file>', 'what "chancery export" wrote')
    .addOption(logOption().makeOptionMandatory())
    .addHelpText(
      'after',
      examples('chancery import backup.ndjson --log file:./restored', 'chancery import backup.ndjson --log zookeeper://zk1:2181/chancery'),
    )
    .action(async (file: string, options: object) => {
      const { importLog } = await import('./transfer.ts');
      await importLog(file, options as Parameters<typeof importLog>[1], parts, terminal);
    });
}

function addAccess(program: Command, terminal: Terminal): void {
  const asking = (command: Command): Command => command.addOption(operatorOption(terminal.env)).addOption(jsonOption());
  asking(program.command('whoami').description('Whom a node takes you for, and what you may do because of it.'))
    .addHelpText('after', examples('chancery whoami'))
    .action(async (options: object) => {
      const { whoami } = await import('./whoami.ts');
      await whoami(options as Parameters<typeof whoami>[0], terminal);
    });
  asking(program.command('can').description('Whether somebody may do something, and the entry that says so. Exit status 1: they may not.'))
    .option('--principal <NAME>', 'who, such as User:alice (default: you)')
    .requiredOption('--operation <OPERATION>', 'READ, WRITE, CREATE, DROP, ALTER, DESCRIBE and so on')
    .requiredOption('--resource <RESOURCE>', 'cluster, a database, or database.table')
    .option('--host <ADDRESS>', 'from this IP address (default: yours, or whatever counts for any)')
    .addHelpText(
      'after',
      examples(
        'chancery can --principal User:etl --operation WRITE --resource shop.orders',
        'chancery can --operation ALTER --resource cluster',
      ),
    )
    .action(async (options: object) => {
      const { can } = await import('./can.ts');
      await can(options as Parameters<typeof can>[0], terminal);
    });
  asking(program.command('denials').description('What a node did not let somebody do, the newest last. It keeps --audit-denials of them.'))
    .option('--limit <N>', 'at most the newest N', upTo(1000), 50)
    .addHelpText('after', examples('chancery denials --operator http://127.0.0.1:8480'))
    .action(async (options: object) => {
      const { denials } = await import('./denials.ts');
      await denials(options as Parameters<typeof denials>[0], terminal);
    });
}

function addKeys(program: Command, terminal: Terminal): void {
  const keys = program.command('keys').description('The keys that seal secrets in the log: made, put under another master key, shredded.');
  const write = (command: Command): Command =>
    command
      .option('--reason <TEXT>', 'why; kept with the act in the history')
      .addOption(operatorOption(terminal.env))
      .addOption(jsonOption());
  keys
    .command('list')
    .description('Every data key, what it seals and who made it.')
    .addOption(operatorOption(terminal.env))
    .addOption(jsonOption())
    .addHelpText('after', examples('chancery keys list'))
    .action(async (options: object) => {
      const { listKeys } = await import('./keys.ts');
      await listKeys(options as Parameters<typeof listKeys>[0], terminal);
    });
  write(keys.command('rotate').description('Make a new data key; it seals from then on, the others still open.'))
    .addHelpText('after', examples('chancery keys rotate --reason "once a year"'))
    .action(async (options: object) => {
      const { rotateKeys } = await import('./keys.ts');
      await rotateKeys(options as Parameters<typeof rotateKeys>[0], terminal);
    });
  write(keys.command('rewrap').description('Put all data keys under the master key of the node that is asked.'))
    .addHelpText('after', examples('chancery keys rewrap --reason "the new master key is on every node"'))
    .action(async (options: object) => {
      const { rewrapKeys } = await import('./keys.ts');
      await rewrapKeys(options as Parameters<typeof rewrapKeys>[0], terminal);
    });
  write(keys.command('shred').description('Give up a data key: what it sealed is never opened again.'))
    .argument('<id>', 'the data key, as "keys list" shows it')
    .option('--force', 'even when values in force are sealed with it, which are lost')
    .addHelpText('after', examples('chancery keys shred 8c8c9429081dbb73 --reason "instance i1 is gone"'))
    .action(async (id: string, options: object) => {
      const { shredKey } = await import('./keys.ts');
      await shredKey(id, options as Parameters<typeof shredKey>[1], terminal);
    });
}

function addTokens(program: Command, terminal: Terminal): void {
  const token = program.command('token').description('Bearer tokens, for programs: issued, listed, revoked.');
  const asked = (command: Command): Command => command.addOption(operatorOption(terminal.env)).addOption(jsonOption());
  const why = '--reason <TEXT>';
  asked(token.command('issue').description('Issue a token; it is shown once, on standard output.'))
    .option('--principal <PRINCIPAL>', 'as whom its bearer shall act, such as User:ci (default: as you)')
    .option('--about <TEXT>', 'what it is for')
    .option('--expires <TIME>', 'how long it counts: 90min, 12h, 30d, 52w (default: without an end)')
    .option(why, 'why; kept with the act in the history')
    .addHelpText('after', examples('chancery token issue --principal User:ci --about "the nightly build" --expires 30d > ci.token'))
    .action(async (options: object) => {
      const { issueToken } = await import('./token.ts');
      await issueToken(options as Parameters<typeof issueToken>[0], terminal);
    });
  asked(token.command('list').description('The tokens that count, never what they are.'))
    .addHelpText('after', examples('chancery token list'))
    .action(async (options: object) => {
      const { listTokens } = await import('./token.ts');
      await listTokens(options as Parameters<typeof listTokens>[0], terminal);
    });
  asked(token.command('revoke').description('Revoke a token: from then on it is refused.'))
    .argument('<id>', 'the token, as "token list" shows it')
    .option(why, 'why; kept with the act in the history')
    .addHelpText('after', examples('chancery token revoke Zk3v8wPq0LxT --reason "the laptop is lost"'))
    .action(async (id: string, options: object) => {
      const { revokeToken } = await import('./token.ts');
      await revokeToken(id, options as Parameters<typeof revokeToken>[1], terminal);
    });
}

function addRebalance(program: Command, terminal: Terminal): void {
  const rebalance = program.command('rebalance').description('Move buckets between tablet servers: planned, followed, stopped.');
  const asked = (command: Command): Command => command.addOption(operatorOption(terminal.env)).addOption(jsonOption());
  const goals = (): Option =>
    new Option('--goals <GOALS>', 'by priority, with commas between: REPLICA_DISTRIBUTION, LEADER_DISTRIBUTION, RACK_AWARE')
      .argParser(collect)
      .makeOptionMandatory();
  const why = '--reason <TEXT>';
  asked(rebalance.command('plan').description('Show what a rebalance would do. Nothing is started.').addOption(goals()))
    .option('--moves', 'each bucket that would move, and why')
    .addHelpText('after', examples('chancery rebalance plan --goals RACK_AWARE,REPLICA_DISTRIBUTION --moves'))
    .action(async (options: object) => {
      const { planRebalance } = await import('./rebalance.ts');
      await planRebalance(options as Parameters<typeof planRebalance>[0], terminal);
    });
  asked(rebalance.command('start').description('Plan a rebalance and begin it.').addOption(goals()))
    .addOption(new Option('--on-stale <CHOICE>', 'when servers or tags change meanwhile').choices(['refuse', 'replan']).default('refuse'))
    .option(why, 'why; kept with the act in the history')
    .option('--idempotency-key <KEY>', 'begin it once, however often it is asked for with this key')
    .addHelpText('after', examples('chancery rebalance start --goals REPLICA_DISTRIBUTION --on-stale replan --reason "server 7 is new"'))
    .action(async (options: object) => {
      const { startRebalance } = await import('./rebalance.ts');
      await startRebalance(options as Parameters<typeof startRebalance>[0], terminal);
    });
  asked(rebalance.command('list').description('Rebalances and how far they are, the newest first.'))
    .option('--limit <N>', 'at most the newest N', upTo(1000), 20)
    .addHelpText('after', examples('chancery rebalance list'))
    .action(async (options: object) => {
      const { listRebalances } = await import('./rebalance.ts');
      await listRebalances(options as Parameters<typeof listRebalances>[0], terminal);
    });
  asked(rebalance.command('watch').description('Follow a rebalance to its end; Ctrl-C leaves it running. Status 1: not all was moved.'))
    .argument('[id]', 'which one (default: the newest)')
    .addHelpText('after', examples('chancery rebalance watch', 'chancery rebalance watch --json'))
    .action(async (id: string | undefined, options: object) => {
      const { watchRebalance } = await import('./rebalanceWatch.ts');
      await watchRebalance(id, options as Parameters<typeof watchRebalance>[1], terminal);
    });
  asked(rebalance.command('cancel').description('Stop a rebalance. What has moved stays where it is.'))
    .argument('[id]', 'which one (default: the newest)')
    .option(why, 'why; kept with the act in the history')
    .addHelpText('after', examples('chancery rebalance cancel --reason "the network is full"'))
    .action(async (id: string | undefined, options: object) => {
      const { cancelRebalance } = await import('./rebalance.ts');
      await cancelRebalance(id, options as Parameters<typeof cancelRebalance>[1], terminal);
    });
}

function addHashPassword(program: Command, terminal: Terminal): void {
  program
    .command('hash-password')
    .description('Hash a password for the section "users" of a settings file. It is typed, or comes on standard input.')
    .addHelpText('after', examples('chancery hash-password', 'chancery hash-password < password.txt'))
    .action(async () => {
      const { hashPasswordCommand } = await import('./hashPassword.ts');
      await hashPasswordCommand(terminal);
    });
}
