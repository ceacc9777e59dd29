using System.Collections.Concurrent;
using System.Data.Common;
using System.Globalization;
using Latchkey.Storage.PostgreSql;
using Npgsql;

namespace Latchkey.Storage.Tests;

/// <summary>
/// The network breaks under load: the primary is cut from its synchronous standby and from half of the clients, goes on as if nothing were, and the standby
/// is promoted. Clients keep a ledger of what they were told; what the new primary lacks of it is lost.
/// </summary>
public sealed class PartitionTests(ITestOutputHelper output)
{
    private const long Now = TestDatabase.Now;
    private const int Workers = 8;

    [Fact]
    public async Task With_the_shipped_settings_nothing_acknowledged_is_lost() =>
        Assert.Equal(0, await LostAsync(ports => new ShippedClient(ports), returns: true));

    /// <summary>
    /// The control: a driver that cancels a statement whose time is over makes the old primary call a commit done that no standby has.
    /// </summary>
    [Fact]
    public async Task With_the_drivers_own_settings_the_loss_is_found_out() =>
        Assert.NotEqual(0, await LostAsync(ports => new PlainClient(ports), returns: false));

    /// <summary>Breaks the network and counts what is lost.</summary>
    /// <param name="connect">Makes a client that knows both databases at these ports.</param>
    /// <param name="returns">Whether clients on the standby's side must be served again.</param>
    private async Task<int> LostAsync(Func<int[], IClient> connect, bool returns)
    {
        await using var machines = await TwoMachines.CreateAsync();
        await using var primary = new PostgresServer { Machine = machines.A };
        await primary.EnsureStartedAsync();
        await primary.ExecuteAsync("postgres", "CREATE DATABASE ledger");
        await using var standby = await primary.CreateStandbyAsync("standby", machines.B);
        await standby.StartAsync();
        await primary.ExecuteAsync("postgres", "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (standby)'");
        await primary.ExecuteAsync("postgres", "SELECT pg_reload_conf()");
        await Eventually.HoldsAsync("the standby follows", async () => (string?)await primary.ExecuteAsync("postgres", "SELECT sync_state FROM pg_stat_replication") == "quorum", seconds: 30);

        // Half of the clients stand beside the primary, half beside the standby; both know both.
        int[] besideA = [machines.A.Open("127.0.0.1", primary.Port), machines.A.Open(machines.B.Address, standby.Port)];
        int[] besideB = [machines.B.Open(machines.A.Address, primary.Port), machines.B.Open("127.0.0.1", standby.Port)];
        await using (var database = new PostgreSqlDatabase(PostgresServer.UrlOf("ledger", besideA), TimeSpan.FromSeconds(30))) await database.MigrateAsync();
        await using var near = connect(besideA);
        await using var far = connect(besideB);
        var acknowledged = new ConcurrentDictionary<RowId, int>();
        using var stop = new CancellationTokenSource();
        var (nearSide, farSide) = (new Side(), new Side());
        var load = Task.WhenAll(Enumerable.Range(0, 2 * Workers).Select(worker => Task.Run(async () =>
        {
            var (client, side) = worker % 2 == 0 ? (near, nearSide) : (far, farSide);
            while (!stop.IsCancellationRequested) await ChainAsync(client, side, worker, acknowledged, stop.Token);
        })));
        await Eventually.HoldsAsync("both sides are served", () => nearSide.Acknowledged > 200 && farSide.Acknowledged > 200, seconds: 60);

        await machines.CutAsync();
        var asked = nearSide.Answered;
        // Whatever waits for the standby beside the old primary is answered in one way or another, and so is what is asked after that.
        await Eventually.HoldsAsync("the clients beside the old primary have their answers", () => nearSide.Answered > asked + 2 * Workers, seconds: 60);
        await standby.PromoteAsync();
        var before = farSide.Acknowledged;
        if (returns) await Eventually.HoldsAsync("writes go through again, at the new primary", () => farSide.Acknowledged > before + 200, seconds: 60);
        await stop.CancelAsync();
        await load;

        var present = new Dictionary<RowId, int>();
        await using (var survivor = new PostgreSqlDatabase(PostgresServer.UrlOf("ledger", besideB[1]), TimeSpan.FromSeconds(30)))
        {
            foreach (var (id, generation) in await survivor.ReadAsync(sql => sql.ListAsync("SELECT id, generation FROM grants", row => (RowId.From(row.Bytes(0)), row.Int(1)))))
                present[id] = generation;
        }

        var lost = acknowledged.Count(told => present.GetValueOrDefault(told.Key) < told.Value);
        output.WriteLine($"{nearSide.Acknowledged} acknowledged beside the old primary, {farSide.Acknowledged} beside the new one; of {acknowledged.Count} grants {lost} lost something");
        return lost;
    }

    /// <summary>Gives a grant and refreshes it some times: a code exchange and its refreshes.</summary>
    private static async Task ChainAsync(IClient client, Side side, int worker, ConcurrentDictionary<RowId, int> acknowledged, CancellationToken stop)
    {
        var grant = TestDatabase.Grant(string.Create(CultureInfo.InvariantCulture, $"person{worker}"));
        if (!await side.TryAsync(() => client.InsertAsync(grant))) return;
        acknowledged[grant.Id] = 1;
        for (var generation = 1; generation < 10 && !stop.IsCancellationRequested; generation++)
        {
            var presented = generation;
            if (!await side.TryAsync(() => client.RotateAsync(grant.Id, presented))) return;
            acknowledged[grant.Id] = generation + 1;
        }
    }

    /// <summary>What the clients of one side were told.</summary>
    private sealed class Side
    {
        private int _acknowledged;
        private int _answered;

        public int Acknowledged => Volatile.Read(ref _acknowledged);

        public int Answered => Volatile.Read(ref _answered);

        public async Task<bool> TryAsync(Func<Task<bool>> ask)
        {
            try
            {
                if (!await ask()) return false;
                Interlocked.Increment(ref _acknowledged);
                return true;
            }
            catch (Exception exception) when (exception is DatabaseUnavailableException or NpgsqlException or TimeoutException)
            {
                await Task.Delay(10);
                return false;
            }
            finally
            {
                Interlocked.Increment(ref _answered);
            }
        }
    }

    private interface IClient : IAsyncDisposable
    {
        Task<bool> InsertAsync(Grant grant);

        Task<bool> RotateAsync(RowId id, int generation);
    }

    private sealed class ShippedClient(int[] ports) : IClient
    {
        private readonly PostgreSqlDatabase _database = new(PostgresServer.UrlOf("ledger", ports));

        public Task<bool> InsertAsync(Grant grant) => _database.WriteAsync(sql => Grants.InsertAsync(sql, grant)).AsTask();

        public Task<bool> RotateAsync(RowId id, int generation) => _database.RotateAsync(id, generation, Now).AsTask();

        public ValueTask DisposeAsync() => _database.DisposeAsync();
    }

    /// <summary>The same statements through Npgsql as it comes, but for the hosts and as much patience as Latchkey has.</summary>
    private sealed class PlainClient(int[] ports) : IClient
    {
        private readonly NpgsqlMultiHostDataSource _source = new NpgsqlDataSourceBuilder(new NpgsqlConnectionStringBuilder
        {
            Host = string.Join(',', ports.Select(port => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{port}"))),
            Username = PostgresServer.User, Password = PostgresServer.Password, Database = "ledger", Timeout = 2, CommandTimeout = 2,
        }.ToString()).BuildMultiHost();

        public async Task<bool> InsertAsync(Grant grant)
        {
            await using var connection = await OpenAsync();
            await using var transaction = await connection.BeginTransactionAsync();
            var done = await Grants.InsertAsync(new PlainSession(connection), grant);
            await transaction.CommitAsync();
            return done;
        }

        public async Task<bool> RotateAsync(RowId id, int generation)
        {
            await using var connection = await OpenAsync();
            return await Grants.RotateAsync(new PlainSession(connection), id, generation, Now);
        }

        public ValueTask DisposeAsync() => _source.DisposeAsync();

        private async Task<NpgsqlConnection> OpenAsync() => await _source.OpenConnectionAsync(TargetSessionAttributes.Primary);
    }

    private sealed class PlainSession(NpgsqlConnection connection) : PreparedSession
    {
        protected override bool IsSynchronous => false;

        protected override DbCommand Prepare(string sql, ReadOnlySpan<SqlValue> values)
        {
            var command = new NpgsqlCommand(sql, connection);
            foreach (var value in values) command.Parameters.Add(new NpgsqlParameter { Value = value.Boxed ?? DBNull.Value });
            return command;
        }
    }
}
