using System.Globalization;
using Latchkey.Server;
using Latchkey.Server.Configuration;
using Latchkey.Server.Hosting;
using Latchkey.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Latchkey.Reliability.Tests.Growth;

/// <summary>A day at a high rate in some seconds: what lives for minutes does not pile up, neither as rows nor in the file.</summary>
public sealed class GrowthTests(ITestOutputHelper output)
{
    private const int Minutes = 24 * 60;

    [Fact]
    public Task A_day_of_short_lived_rows_leaves_the_database_as_large_as_three_hours_of_them() => HoldsAsync(step: 5, perMinute: 50);

    [Fact, LongFaults]
    public Task And_so_does_a_day_at_a_higher_rate() => HoldsAsync(step: 1, perMinute: 300);

    private async Task HoldsAsync(int step, int perMinute)
    {
        var (early, late) = await RunAsync(step, perMinute, sweeps: true);
        output.WriteLine($"After 3 hours {early.Rows} rows in {early.Bytes >> 10} KiB, after a day {late.Rows} rows in {late.Bytes >> 10} KiB.");
        Assert.InRange(late.Rows, 0, early.Rows * 1.05);
        // Pages are never as full as they could be; how full they are varies.
        Assert.InRange(late.Bytes, 0, early.Bytes * 1.2);
    }

    [Fact]
    public async Task Rows_that_nobody_removes_are_found_out()
    {
        var (early, late) = await RunAsync(step: 5, perMinute: 50, sweeps: false);
        Assert.True(late.Rows > early.Rows * 4);
        Assert.True(late.Bytes > early.Bytes * 2);
    }

    private static async Task<((long Rows, long Bytes) Early, (long Rows, long Bytes) Late)> RunAsync(int step, int perMinute, bool sweeps)
    {
        // The audit's own year is shortened too: it is to be seen how it ends.
        await using var server = await InProcessServer.StartAsync(change: options => options with { AuditRetention = TimeSpan.FromHours(1) });
        var database = server.Services.GetRequiredService<Database>();
        // A clock of its own: on the server's, its own janitor would sweep as well.
        var clock = new FakeTimeProvider(server.Clock.GetUtcNow());
        using var janitor = new Janitor(
            server.Services.GetRequiredService<ServerOptions>(), server.Services.GetRequiredService<ConfigurationSource>(), database, clock, NullLogger<Janitor>.Instance);
        (long, long) early = default;
        for (var minute = step; minute <= Minutes; minute += step)
        {
            var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
            await database.WriteAsync(async sql =>
            {
                for (var i = 0; i < perMinute * step; i++) await AddAsync(sql, now);
                return true;
            });
            clock.Advance(TimeSpan.FromMinutes(step));
            if (sweeps) await janitor.SweepAsync(TestContext.Current.CancellationToken);
            if (minute == 180) early = await MeasureAsync();
        }

        return (early, await MeasureAsync());

        async Task<(long, long)> MeasureAsync() => (
            await database.ReadAsync(sql => sql.FindAsync(
                "SELECT (SELECT COUNT(*) FROM replay_guard) + (SELECT COUNT(*) FROM device_codes) + (SELECT COUNT(*) FROM revoked_tokens) + (SELECT COUNT(*) FROM audit)", row => row.Long(0))),
            await database.ReadAsync(sql => sql.FindAsync("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()", row => row.Long(0))));
    }

    private static async ValueTask AddAsync(SqlSession sql, long now)
    {
        var id = Guid.NewGuid().ToByteArray();
        await ReplayGuard.UseAsync(sql, id, now + 5 * 60_000);
        await RevokedTokens.AddAsync(sql, Convert.ToHexString(id), now + 15 * 60_000);
        await AuditLog.AppendAsync(sql, new AuditEvent { At = now, Event = AuditEvents.TokenIssued, ClientId = "web" });
        await DeviceCodes.InsertAsync(sql, new DeviceCode
        {
            CodeHash = id,
            UserCode = Convert.ToHexString(id),
            ClientId = "device",
            Scope = "openid",
            Resources = "",
            Status = DeviceCodeStatus.Pending,
            IntervalSeconds = 5,
            CreatedAt = now,
            ExpiresAt = now + 10 * 60_000,
            UserAgent = string.Create(CultureInfo.InvariantCulture, $"device {now}"),
        });
    }
}
