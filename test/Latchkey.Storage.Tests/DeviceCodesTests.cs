using System.Security.Cryptography;

namespace Latchkey.Storage.Tests;

public abstract class DeviceCodesTests(Engine engine)
{
    private const long Now = TestDatabase.Now;

    [Fact]
    public async Task A_code_reads_back_by_both_halves()
    {
        await using var test = await engine.CreateAsync();
        var code = Code("BCDFGHJK");
        Assert.True(await test.WriteAsync(sql => DeviceCodes.InsertAsync(sql, code)));
        var byHash = (await test.ReadAsync(sql => DeviceCodes.FindAsync(sql, code.CodeHash)))!;
        var byUserCode = (await test.ReadAsync(sql => DeviceCodes.FindByUserCodeAsync(sql, "BCDFGHJK")))!;
        Assert.Equal(code with { CodeHash = byHash.CodeHash }, byHash);
        Assert.Equal(byHash with { CodeHash = byUserCode.CodeHash }, byUserCode);
        Assert.Equal(code.CodeHash, byHash.CodeHash);
        Assert.Null(await test.ReadAsync(sql => DeviceCodes.FindByUserCodeAsync(sql, "XXXXXXXX")));
    }

    [Fact, Spec("RFC 8628", "6.1")]
    public async Task A_user_code_is_given_once_at_a_time()
    {
        await using var test = await engine.CreateAsync();
        Assert.True(await test.WriteAsync(sql => DeviceCodes.InsertAsync(sql, Code("BCDFGHJK"))));
        Assert.False(await test.WriteAsync(sql => DeviceCodes.InsertAsync(sql, Code("BCDFGHJK"))));
        Assert.Equal(1, await test.CountAsync("device_codes"));
    }

    [Fact, Spec("RFC 8628", "3.5")]
    public async Task Of_many_polls_one_uses_an_approved_code()
    {
        await using var test = await engine.CreateAsync();
        var code = Code("BCDFGHJK");
        var grant = RowId.New("alice", Now);
        await test.WriteAsync(sql => DeviceCodes.InsertAsync(sql, code));
        Assert.False(await test.WriteAsync(sql => DeviceCodes.UseAsync(sql, code.CodeHash, Now)));
        Assert.Equal(1, await test.RaceAsync(50, sql => DeviceCodes.ApproveAsync(sql, "BCDFGHJK", grant, "alice", Now / 1000, "1", "pwd", Now)));
        Assert.False(await test.WriteAsync(sql => DeviceCodes.DenyAsync(sql, "BCDFGHJK", "alice", Now)));
        Assert.Equal(1, await test.RaceAsync(100, sql => DeviceCodes.UseAsync(sql, code.CodeHash, Now)));
        var used = (await test.ReadAsync(sql => DeviceCodes.FindAsync(sql, code.CodeHash)))!;
        Assert.Equal(DeviceCodeStatus.Used, used.Status);
        Assert.Equal(grant, used.GrantId);
        Assert.Equal("alice", used.Subject);
        Assert.Equal(Now / 1000, used.AuthTime);
        Assert.Equal("pwd", used.Amr);
    }

    [Fact, Spec("RFC 8628", "3.5")]
    public async Task A_denied_code_stays_denied()
    {
        await using var test = await engine.CreateAsync();
        var code = Code("BCDFGHJK");
        await test.WriteAsync(sql => DeviceCodes.InsertAsync(sql, code));
        Assert.True(await test.WriteAsync(sql => DeviceCodes.DenyAsync(sql, "BCDFGHJK", "alice", Now)));
        Assert.False(await test.WriteAsync(sql => DeviceCodes.ApproveAsync(sql, "BCDFGHJK", RowId.New("alice", Now), "alice", 1, "1", "pwd", Now)));
        Assert.False(await test.WriteAsync(sql => DeviceCodes.UseAsync(sql, code.CodeHash, Now)));
    }

    [Fact, Spec("RFC 8628", "3.2")]
    public async Task After_its_time_a_code_is_neither_decided_nor_used()
    {
        await using var test = await engine.CreateAsync();
        var (pending, approved) = (Code("BCDFGHJK"), Code("LMNPQRST"));
        await test.WriteAsync(sql => DeviceCodes.InsertAsync(sql, pending));
        await test.WriteAsync(sql => DeviceCodes.InsertAsync(sql, approved));
        await test.WriteAsync(sql => DeviceCodes.ApproveAsync(sql, "LMNPQRST", RowId.New("alice", Now), "alice", 1, "1", "pwd", Now));
        var end = pending.ExpiresAt;
        Assert.False(await test.WriteAsync(sql => DeviceCodes.ApproveAsync(sql, "BCDFGHJK", RowId.New("alice", Now), "alice", 1, "1", "pwd", end)));
        Assert.False(await test.WriteAsync(sql => DeviceCodes.DenyAsync(sql, "BCDFGHJK", "alice", end)));
        Assert.False(await test.WriteAsync(sql => DeviceCodes.UseAsync(sql, approved.CodeHash, end)));
        Assert.Equal(0, await test.WriteAsync(sql => DeviceCodes.PruneAsync(sql, end, 10)));
        Assert.Equal(1, await test.WriteAsync(sql => DeviceCodes.PruneAsync(sql, end + 1, 1)));
        Assert.Equal(1, await test.WriteAsync(sql => DeviceCodes.PruneAsync(sql, end + 1, 10)));
    }

    [Fact, Spec("RFC 8628", "3.5")]
    public async Task Polls_and_the_longer_interval_are_remembered()
    {
        await using var test = await engine.CreateAsync();
        var code = Code("BCDFGHJK");
        await test.WriteAsync(sql => DeviceCodes.InsertAsync(sql, code));
        await test.WriteAsync(sql => DeviceCodes.NotePollAsync(sql, code.CodeHash, 10, Now + 1));
        await test.ReopenAsync();
        var found = (await test.ReadAsync(sql => DeviceCodes.FindAsync(sql, code.CodeHash)))!;
        Assert.Equal(Now + 1, found.PolledAt);
        Assert.Equal(10, found.IntervalSeconds);
    }

    private static DeviceCode Code(string userCode) => new()
    {
        CodeHash = RandomNumberGenerator.GetBytes(32),
        UserCode = userCode,
        ClientId = "device",
        Scope = "openid",
        Resources = "",
        IntervalSeconds = 5,
        CreatedAt = Now,
        ExpiresAt = Now + 600_000,
        Address = "192.0.2.1",
        UserAgent = "curl",
    };
}

public sealed class SqliteDeviceCodesTests() : DeviceCodesTests(Engine.Sqlite);

public sealed class PostgreSqlDeviceCodesTests(PostgresServer server) : DeviceCodesTests(new(server));
