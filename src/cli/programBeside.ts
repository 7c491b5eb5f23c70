/** Commands about what is beside the nodes: tablet servers, the lake, and all of it together on one machine. */
import { type Command, Option } from 'commander';
import type { Implementations } from './implementations.ts';
import { addCredentials, examples, jsonOption, operatorOption, tlsOptions, upTo } from './programParts.ts';
import type { Terminal } from './terminal.ts';

export function addServers(program: Command, terminal: Terminal): void {
  const servers = program.command('servers').description('Tablet servers: listed, tagged before they go, taken off the list.');
  const asked = (command: Command): Command => command.addOption(operatorOption(terminal.env)).addOption(jsonOption());
  const acting = (command: Command): Command => asked(command).option('--reason <TEXT>', 'why; kept with the act in the history');
  const ids = ['<ids>', 'their ids, with commas between'] as const;
  asked(servers.command('list').description('All that are known, with what they hold.'))
    .addHelpText('after', examples('chancery servers list'))
    .action(async (options: object) => {
      const { listServers } = await import('./servers.ts');
      await listServers(options as Parameters<typeof listServers>[0], terminal);
    });
  acting(servers.command('tag').description('Tag servers, all or none: the next rebalance empties them, and nothing moves before.'))
    .argument(...ids)
    .argument('<tag>', 'PERMANENT_OFFLINE or TEMPORARY_OFFLINE')
    .addHelpText('after', examples('chancery servers tag 0,1 PERMANENT_OFFLINE --reason "rack r1 goes"'))
    .action(async (given: string, tag: string, options: object) => {
      const { tagServers } = await import('./servers.ts');
      await tagServers(given, tag, options as Parameters<typeof tagServers>[2], terminal);
    });
  acting(servers.command('untag').description('Take the tags off servers, whichever they have.'))
    .argument(...ids)
    .addHelpText('after', examples('chancery servers untag 0,1'))
    .action(async (given: string, options: object) => {
      const { untagServers } = await import('./servers.ts');
      await untagServers(given, options as Parameters<typeof untagServers>[1], terminal);
    });
  acting(servers.command('forget').description('Take a lost server that holds nothing off the list.'))
    .argument('<id>', 'its id')
    .addHelpText('after', examples('chancery servers forget 3'))
    .action(async (id: string, options: object) => {
      const { forgetServer } = await import('./servers.ts');
      await forgetServer(id, options as Parameters<typeof forgetServer>[1], terminal);
    });
}

export function addTiering(program: Command, terminal: Terminal): void {
  const tiering = program.command('tiering').description('Tables that are tiered to the lake: how they are, and why they fail.');
  const asked = (command: Command): Command =>
    command
      .argument('[table]', 'DATABASE.TABLE, or DATABASE for all of its tables')
      .option('--limit <N>', 'at most N', upTo(100_000), 100)
      .addOption(operatorOption(terminal.env))
      .addOption(jsonOption());
  asked(tiering.command('status').description('Lake tables, the worst first; everything about one that is named.'))
    .option('--failing', 'only those whose newest round failed')
    .option('--watch', 'go on, and show what changes; Ctrl-C ends it')
    .addHelpText('after', `\n${tieringStatusHelp}`)
    .addHelpText(
      'after',
      examples(
        'chancery tiering status --watch',
        'chancery tiering status shop.orders',
        `chancery tiering status --failing --json | jq -r '.tables[] | .database + "." + .table'`,
      ),
    )
    .action(async (name: string | undefined, options: { readonly watch?: boolean }) => {
      const { tieringStatus } = await import('./tiering.ts');
      const { watchTiering } = await import('./tieringWatch.ts');
      await (options.watch === true ? watchTiering : tieringStatus)(name, options as Parameters<typeof tieringStatus>[1], terminal);
    });
  asked(
    tiering
      .command('failures')
      .description('Rounds that failed, the newest first, with their errors in full; also of tables that are gone.'),
  )
    .addHelpText('after', `\n${tieringFailuresHelp}`)
    .addHelpText('after', examples('chancery tiering failures', 'chancery tiering failures shop.orders --limit 1000'))
    .action(async (name: string | undefined, options: object) => {
      const { tieringFailures } = await import('./tieringFailures.ts');
      await tieringFailures(name, options as Parameters<typeof tieringFailures>[1], terminal);
    });
}

const tieringStatusHelp = `Red: its newest round failed. Yellow: its data in the lake is more than a minute older than its freshness allows.
The exit status is 0 also when tables fail. With --json: {tables, total, counts, failing}, of one table its status alone; with --watch a
line with the status of each table, whatever --limit says, then one at each change. Times are epoch milliseconds.`;
const tieringFailuresHelp = `Failures of a table in a row with the same error are told in one.
With --json: {failures, hasMore}, each failure by itself.`;

export function addTabletServer(program: Command, parts: Implementations, terminal: Terminal): void {
  const server = program
    .command('tablet-server')
    .description(
      'Run a reference tablet server, or look at what some hold. It holds replicas as files and moves bytes; it is not a database.',
    )
    .option('--id <N>', "this server's id, unlike every other's")
    .option('--rack <NAME>', 'where it stands: replicas of a bucket are spread over racks')
    .option('--coordinator <URL>', 'the nodes that may be asked, several with commas between')
    .option('--data <DIR>', 'its directory, made when it is missing; one process each')
    .option('--listen <HOST:PORT>', 'its data port; port 0 takes the one it had last, else a free one', '127.0.0.1:0')
    .option('--advertise <HOST:PORT>', 'where others reach the data port (default: where it listens)')
    .option('--capacity <SIZE>', 'how much it may be given to hold, such as 10gb; told to the coordinator')
    .option('--lag <TIME>', 'a follower that lacks bytes for longer leaves the in-sync replicas', '10s')
    .option('--log-level <LEVEL>', 'trace, debug, info, warn or error', 'info')
    .addHelpText(
      'after',
      examples(
        'chancery tablet-server --id 0 --rack r1 --coordinator http://127.0.0.1:8480 --data ./ts0',
        'chancery tablet-server fill --table shop.orders --size 1mb',
        'chancery tablet-server check --table shop.orders',
      ),
    )
    .action(async (options: object) => {
      const { tabletServer } = await import('./tabletServer.ts');
      await tabletServer(options as Parameters<typeof tabletServer>[0], parts, terminal);
    });
  for (const option of tlsOptions(terminal.env)) server.addOption(option);
  addCredentials(server, terminal);
  const asked = (command: Command): Command =>
    command.requiredOption('--table <TABLE>', 'DATABASE.TABLE').addOption(operatorOption(terminal.env)).addOption(jsonOption());
  asked(server.command('fill').description('Append random bytes to every bucket of a table, through the leaders.'))
    .option('--size <SIZE>', 'how much for each bucket', '1mb')
    .addHelpText('after', examples('chancery tablet-server fill --table shop.orders --size 1mb'))
    .action(async (options: object) => {
      const { fillTable } = await import('./tabletData.ts');
      await fillTable(options as Parameters<typeof fillTable>[0], terminal);
    });
  asked(server.command('check').description("Whether every replica of a table has its leader's bytes. Exit status 1: one has not."))
    .addHelpText(
      'after',
      examples('chancery tablet-server check --table shop.orders', 'chancery tablet-server check --table shop.orders --json'),
    )
    .action(async (options: object) => {
      const { checkTable } = await import('./tabletData.ts');
      await checkTable(options as Parameters<typeof checkTable>[0], terminal);
    });
}

export function addTieringService(program: Command, parts: Implementations, terminal: Terminal): void {
  const service = program
    .command('tiering-service')
    .description(
      'Run a reference tiering service, or have it fail. It takes lake tables and writes a file for each round; it copies no data.',
    )
    .option('--coordinator <URL>', 'the nodes that may be asked, several with commas between')
    .option('--data <DIR>', 'its directory, made when it is missing; one process each')
    .option('--service <NAME>', "its name, unlike every other's (default: the one it had last, else a new one)")
    .option('--poll <TIME>', 'how often it asks for a table while none is due', '30s')
    .option('--rounds <N>', 'how many tables it has at a time', upTo(100), 4)
    .option('--round-ms <MS>', 'how long a round takes, milliseconds', upTo(3_600_000, 0), 0)
    .option('--log-level <LEVEL>', 'trace, debug, info, warn or error', 'info')
    .addHelpText(
      'after',
      examples(
        'chancery tiering-service --coordinator http://127.0.0.1:8480 --data ./lake --poll 2s',
        "chancery tiering-service fail shop.orders --error 'Access denied: s3://lake/shop' --data ./lake",
        'chancery tiering-service heal shop.orders --data ./lake',
      ),
    )
    .action(async (options: object) => {
      const { tieringService } = await import('./tieringService.ts');
      await tieringService(options as Parameters<typeof tieringService>[0], parts, terminal);
    });
  for (const option of tlsOptions(terminal.env)) service.addOption(option);
  addCredentials(service, terminal);
  const told = (command: Command): Command => command.requiredOption('--data <DIR>', 'the directory of the service');
  const table = ['<table>', 'DATABASE.TABLE'] as const;
  told(service.command('fail').description('Have each round of a table fail with a text, until "heal".'))
    .argument(...table)
    .option('--error <TEXT>', 'what its rounds fail with (default: they fail without a word)')
    .addHelpText('after', examples("chancery tiering-service fail shop.orders --error 'Access denied: s3://lake/shop' --data ./lake"))
    .action(async (name: string, options: object) => {
      const { failTable } = await import('./tieringService.ts');
      await failTable(name, options as Parameters<typeof failTable>[1], terminal);
    });
  told(service.command('heal').description('Have the rounds of a table fail no more.'))
    .argument(...table)
    .addHelpText('after', examples('chancery tiering-service heal shop.orders --data ./lake'))
    .action(async (name: string, options: object) => {
      const { healTable } = await import('./tieringService.ts');
      await healTable(name, options as Parameters<typeof healTable>[1], terminal);
    });
  told(service.command('check').description('Whether a node has answered the service lately. Exit status 1: none has.'))
    .addOption(jsonOption())
    .addHelpText('after', examples('chancery tiering-service check --data ./lake'))
    .action(async (options: object) => {
      const { checkService } = await import('./tieringService.ts');
      await checkService(options as Parameters<typeof checkService>[0], terminal);
    });
}

export function addCluster(program: Command, terminal: Terminal): void {
  const directory = (): Option => new Option('--dir <DIR>', 'where its data, settings and logs are').default('cluster');
  const cluster = program
    .command('cluster')
    .description('Three ZooKeepers, three nodes and three tablet servers on this machine, for trying things out.');
  cluster
    .command('up')
    .description('Start them and stay until Ctrl-C, which takes them down.')
    .addOption(directory())
    .option('--nodes <N>', 'how many nodes', upTo(9), 3)
    .option('--zookeepers <N>', 'how many ZooKeepers', upTo(5), 3)
    .option('--tablet-servers <N>', 'how many tablet servers, each in a rack of its own; 0: none', upTo(20, 0), 3)
    .option('--tiering-service', 'a tiering service, too: it writes a file for each round into DIR/tiering/lake')
    .option('--port <PORT>', 'the first operator port; the next nodes have the next ones (default: free ports)', upTo(65_000))
    .addOption(jsonOption())
    .addHelpText('after', examples('chancery cluster up', 'chancery cluster up --port 8480 --dir /tmp/cluster'))
    .action(async (options: object) => {
      const { clusterUp } = await import('./cluster.ts');
      await clusterUp(options as Parameters<typeof clusterUp>[0], terminal);
    });
  cluster
    .command('status')
    .description('What runs, and how the nodes are.')
    .addOption(directory())
    .addOption(jsonOption())
    .addHelpText('after', examples('chancery cluster status'))
    .action(async (options: object) => {
      const { clusterStatus } = await import('./cluster.ts');
      await clusterStatus(options as Parameters<typeof clusterStatus>[0], terminal);
    });
  cluster
    .command('down')
    .description('Stop what "cluster up" started in this directory. The data stays.')
    .addOption(directory())
    .addHelpText('after', examples('chancery cluster down'))
    .action(async (options: object) => {
      const { clusterDown } = await import('./cluster.ts');
      await clusterDown(options as Parameters<typeof clusterDown>[0], terminal);
    });
  for (const command of cluster.commands) if (command.name() !== 'down') addCredentials(command, terminal);
}
