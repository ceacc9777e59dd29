using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using Latchkey.Storage;
using Microsoft.Data.Sqlite;

namespace Latchkey.Reliability.Tests.PowerCut;

/// <summary>The power goes at any moment: what was acknowledged by then is on the disk, and the database is whole.</summary>
public sealed class PowerCutTests(ITestOutputHelper output)
{
    private const int Workers = 8;

    [Fact]
    public Task No_power_cut_takes_what_was_acknowledged() => RunAsync(exchanges: 600, cuts: 60);

    [Fact, LongFaults]
    public Task No_power_cut_of_many_takes_what_was_acknowledged() => RunAsync(exchanges: 6000, cuts: 1000);

    private async Task RunAsync(int exchanges, int cuts)
    {
        using var disk = new WatchedDisk();
        var promises = new ConcurrentBag<Promise>();
        long begun;
        await using (var server = await LatchkeyProcess.StartAsync(environment: disk.Environment, arguments: disk.Arguments))
        {
            begun = disk.Position;
            await Parallel.ForAsync(0, Workers, new ParallelOptions { MaxDegreeOfParallelism = Workers }, async (_, _) =>
            {
                using var alice = new PageWalker(server.Issuer);
                using var app = new OAuthClient(server.Issuer, DeclaredStates.FirstParty);
                for (var done = 0; done < exchanges / Workers;)
                {
                    var token = (await app.SignInAsync(alice, "openid offline_access")).RefreshToken!;
                    promises.Add(new(disk.Position, token, isRevoked: false));
                    for (var i = 0; i < 10; i++, done++)
                    {
                        token = (await app.RefreshAsync(token)).Expect(HttpStatusCode.OK)["refresh_token"]!;
                        promises.Add(new(disk.Position, token, isRevoked: false));
                    }

                    if (done % 20 != 0) continue;
                    (await app.RevokeAsync(token)).Expect(HttpStatusCode.OK);
                    promises.Add(new(disk.Position, token, isRevoked: true));
                }
            });
        }

        var seed = System.Environment.TickCount;
        var random = new Random(seed);
        var end = disk.Position;
        var places = Enumerable.Range(0, cuts).Select(_ => random.NextInt64(begun, end)).Order().ToArray();
        var (lost, damaged) = Judge(honoursFsync: true);
        output.WriteLine($"Seed {seed}: {promises.Count} acknowledged, {end >> 20} MiB written, {cuts} power cuts: {lost} lost something, {damaged} damaged.");
        Assert.Equal((0, 0), (lost, damaged));

        // The control: the same writes, none of them made durable. A test that sees no loss there sees nothing.
        var control = Judge(honoursFsync: false);
        output.WriteLine($"Without fsync: {control.Lost} lost something, {control.Damaged} damaged.");
        Assert.True(control.Lost + control.Damaged > cuts / 2);

        (int Lost, int Damaged) Judge(bool honoursFsync)
        {
            var (missing, broken) = (0, 0);
            Replay.Run(disk.Log, places, honoursFsync, random, (place, file) =>
            {
                var found = Look(file, promises.Where(promise => promise.Position <= place));
                if (found is null) broken++;
                else if (found > 0) missing++;
                if (found is not 0 && honoursFsync) output.WriteLine($"Cut at {place}: {(found is null ? "damaged" : $"{found} lost")}");
            });
            return (missing, broken);
        }
    }

    /// <summary>How many promises the database does not keep; null if it is damaged.</summary>
    private static int? Look(string file, IEnumerable<Promise> promises)
    {
        try
        {
            Tables.UseProvider();
            using var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = file, Mode = SqliteOpenMode.ReadWrite, Pooling = false }.ToString());
            connection.Open();
            using var check = connection.CreateCommand();
            check.CommandText = "PRAGMA integrity_check(1)";
            if (Convert.ToString(check.ExecuteScalar(), CultureInfo.InvariantCulture) != "ok") return null;
            using var find = connection.CreateCommand();
            find.CommandText = "SELECT generation, revoked_at IS NOT NULL FROM grants WHERE bucket = $bucket AND id = $id";
            find.Parameters.Add(new("$bucket", null));
            find.Parameters.Add(new("$id", null));
            return promises.Count(promise =>
            {
                find.Parameters[0].Value = promise.GrantId.Bucket;
                find.Parameters[1].Value = promise.GrantId.ToBytes();
                using var row = find.ExecuteReader();
                return !row.Read() || row.GetInt32(0) < promise.Generation || (promise.IsRevoked && !row.GetBoolean(1));
            });
        }
        catch (SqliteException)
        {
            return null;
        }
    }

    /// <summary>What an answer promised, and how far the disk's notes had come when it arrived.</summary>
    private sealed class Promise
    {
        public Promise(long position, string refreshToken, bool isRevoked)
        {
            // lkr_ and base64url of: key number, grant, generation, MAC.
            var bytes = Base64Url.DecodeFromChars(refreshToken.AsSpan(4));
            (Position, IsRevoked) = (position, isRevoked);
            GrantId = RowId.From(bytes.AsSpan(1));
            Generation = System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(bytes.AsSpan(1 + RowId.Size));
        }

        public long Position { get; }

        public RowId GrantId { get; }

        public int Generation { get; }

        public bool IsRevoked { get; }
    }
}
