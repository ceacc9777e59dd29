using System.Security.Cryptography;

namespace Latchkey.Storage.Tests;

/// <summary>Consents, the replay guard, revoked tokens, the audit log and the outbox.</summary>
public abstract class SmallTablesTests(Engine engine)
{
    private const long Now = TestDatabase.Now;

    [Fact]
    public async Task A_consent_takes_the_place_of_the_earlier_one()
    {
        await using var test = await engine.CreateAsync();
        await test.WriteAsync(sql => Consents.SaveAsync(sql, new Consent("alice", "web", "openid", "", Now)));
        await test.WriteAsync(sql => Consents.SaveAsync(sql, new Consent("alice", "web", "openid email", "https://a.example", Now + 1)));
        await test.WriteAsync(sql => Consents.SaveAsync(sql, new Consent("alice", "post", "openid", "", Now + 2)));
        Assert.Equal("openid email", (await test.ReadAsync(sql => Consents.FindAsync(sql, "alice", "web")))!.Scope);
        Assert.Equal(["post", "web"], (await test.ReadAsync(sql => Consents.ListByUserAsync(sql, "alice"))).Select(consent => consent.ClientId));
        Assert.Null(await test.ReadAsync(sql => Consents.FindAsync(sql, "bob", "web")));
        Assert.True(await test.WriteAsync(sql => Consents.DeleteAsync(sql, "alice", "web")));
        Assert.False(await test.WriteAsync(sql => Consents.DeleteAsync(sql, "alice", "web")));
    }

    [Fact, Spec("RFC 7523", "3")]
    public async Task Of_many_who_use_an_id_one_wins()
    {
        await using var test = await engine.CreateAsync();
        var id = RandomNumberGenerator.GetBytes(32);
        Assert.Equal(1, await test.RaceAsync(100, sql => ReplayGuard.UseAsync(sql, id, Now)));
        await test.ReopenAsync();
        Assert.False(await test.WriteAsync(sql => ReplayGuard.UseAsync(sql, id, Now)));
        Assert.Equal(0, await test.WriteAsync(sql => ReplayGuard.PruneAsync(sql, Now, 10)));
        Assert.Equal(1, await test.WriteAsync(sql => ReplayGuard.PruneAsync(sql, Now + 1, 10)));
    }

    [Fact, Spec("RFC 7009", "2.1")]
    public async Task A_revoked_token_is_remembered_until_its_end()
    {
        await using var test = await engine.CreateAsync();
        Assert.False(await test.ReadAsync(sql => RevokedTokens.ContainsAsync(sql, "j1")));
        Assert.Equal(1, await test.RaceAsync(20, sql => RevokedTokens.AddAsync(sql, "j1", Now)));
        Assert.True(await test.ReadAsync(sql => RevokedTokens.ContainsAsync(sql, "j1")));
        Assert.Equal(1, await test.WriteAsync(sql => RevokedTokens.PruneAsync(sql, Now + 1, 10)));
        Assert.False(await test.ReadAsync(sql => RevokedTokens.ContainsAsync(sql, "j1")));
    }

    [Fact]
    public async Task The_audit_log_is_listed_followed_and_filtered()
    {
        await using var test = await engine.CreateAsync();
        for (var i = 0; i < 5; i++)
        {
            var entry = new AuditEvent
            {
                At = Now + i, Event = i % 2 == 0 ? AuditEvents.SignIn : AuditEvents.SignOut, Outcome = AuditOutcomes.Refused, Actor = "alice", Subject = "alice",
                ClientId = "web", Address = "192.0.2.1", RequestId = "r", Detail = "{}",
            };
            await test.WriteAsync(sql => AuditLog.AppendAsync(sql, entry));
        }

        var newest = await test.ReadAsync(sql => AuditLog.ListAsync(sql, new AuditFilter(), 2));
        Assert.Equal([Now + 3, Now + 4], newest.Select(entry => entry.At));
        foreach (var entry in newest) Assert.Equal(entry, await test.ReadAsync(sql => AuditLog.FindAsync(sql, entry.Id)));
        Assert.Equal(2, (await test.ReadAsync(sql => AuditLog.ListAsync(sql, new AuditFilter(Event: AuditEvents.SignOut), 10))).Count);
        Assert.Equal(3, (await test.ReadAsync(sql => AuditLog.ListAsync(sql, new AuditFilter(Since: Now + 2), 10))).Count);
        Assert.Empty(await test.ReadAsync(sql => AuditLog.ListAsync(sql, new AuditFilter(Subject: "bob"), 10)));
        Assert.Empty(await test.ReadAsync(sql => AuditLog.ListAsync(sql, new AuditFilter(ClientId: "post"), 10)));
        Assert.Equal(("web", "192.0.2.1", "r", "{}", "refused"), (newest[0].ClientId, newest[0].Address, newest[0].RequestId, newest[0].Detail, newest[0].Outcome));
    }

    [Fact]
    public async Task An_outbox_message_is_leased_to_one_and_comes_up_again()
    {
        await using var test = await engine.CreateAsync();
        for (var i = 0; i < 10; i++) await test.WriteAsync(sql => Outbox.AddAsync(sql, Outbox.BackchannelLogout, "web", "{}", Now));
        Assert.Empty(await test.WriteAsync(sql => Outbox.TakeAsync(sql, Now - 1, Now, 10)));

        var takers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => test.WriteAsync(sql => Outbox.TakeAsync(sql, Now, Now + 60_000, 2))));
        Assert.Equal(10, takers.SelectMany(messages => messages).Select(message => message.Id).Distinct().Count());
        Assert.Equal(10, takers.Sum(messages => messages.Count));

        await test.ReopenAsync();
        var first = takers.SelectMany(messages => messages).MinBy(message => message.Id)!;
        await test.WriteAsync(sql => Outbox.DeleteAsync(sql, first.Id));
        await test.WriteAsync(sql => Outbox.PostponeAsync(sql, first.Id + 1, Now + 90_000));
        Assert.Equal(9, await test.ReadAsync(Outbox.CountAsync));
        Assert.Equal(Now + 60_000, await test.ReadAsync(Outbox.NextAsync));
        var again = await test.WriteAsync(sql => Outbox.TakeAsync(sql, Now + 60_000, Now + 120_000, 100));
        Assert.Equal(8, again.Count);
        Assert.All(again, message => Assert.Equal(0, message.Attempts));
        Assert.Equal(1, Assert.Single(await test.WriteAsync(sql => Outbox.TakeAsync(sql, Now + 90_000, Now + 120_000, 100))).Attempts);
    }

    [Fact]
    public async Task What_waits_for_a_client_can_be_put_off_together()
    {
        await using var test = await engine.CreateAsync();
        foreach (var client in (string[])["web", "web", "post"]) await test.WriteAsync(sql => Outbox.AddAsync(sql, Outbox.BackchannelLogout, client, "{}", Now));
        await test.WriteAsync(sql => Outbox.DeferAsync(sql, 1, Now + 20));
        await test.WriteAsync(sql => Outbox.DeferClientAsync(sql, "web", Now + 10));
        Assert.Equal("post", Assert.Single(await test.WriteAsync(sql => Outbox.TakeAsync(sql, Now, Now + 90, 10))).ClientId);
        Assert.Equal([2], (await test.WriteAsync(sql => Outbox.TakeAsync(sql, Now + 10, Now + 90, 10))).Select(message => message.Id));
        Assert.Equal([1], (await test.WriteAsync(sql => Outbox.TakeAsync(sql, Now + 20, Now + 90, 10))).Select(message => message.Id));
        await test.WriteAsync(async sql => await sql.ExecuteAsync("DELETE FROM outbox"));
        Assert.Null(await test.ReadAsync(Outbox.NextAsync));
    }
}

public sealed class SqliteSmallTablesTests() : SmallTablesTests(Engine.Sqlite);

public sealed class PostgreSqlSmallTablesTests(PostgresServer server) : SmallTablesTests(new(server));

public sealed class ShardedSmallTablesTests(PostgresServer server) : SmallTablesTests(Engine.Sharded(server));
