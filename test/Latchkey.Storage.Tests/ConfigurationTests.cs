using Latchkey.Protocol.Messages;

namespace Latchkey.Storage.Tests;

/// <summary>Clients, resources, keys, and the version that moves with each of them.</summary>
public abstract class ConfigurationTests(Engine engine)
{
    private const long Now = TestDatabase.Now;

    [Fact]
    public async Task Every_change_moves_the_version()
    {
        await using var test = await engine.CreateAsync();
        await test.WriteAsync(sql => SigningKeys.InsertAsync(sql, Key("k0")));
        Func<SqlSession, ValueTask>[] changes =
        [
            sql => Clients.SaveAsync(sql, new ClientMetadata { ClientId = "a" }, Now),
            sql => Clients.SetNotBeforeAsync(sql, "a", Now),
            sql => Clients.AddSecretAsync(sql, new ClientSecret("a", "1", "sha256:x", Now, null)),
            sql => Clients.ExpireSecretsAsync(sql, "a", Now),
            async sql => await Clients.DeleteAsync(sql, "a"),
            sql => Resources.SaveAsync(sql, new ResourceMetadata { Resource = "https://a.example" }, Now),
            async sql => await Resources.DeleteAsync(sql, "https://a.example"),
            sql => SigningKeys.InsertAsync(sql, Key("k1")),
            sql => SigningKeys.SetActiveFromAsync(sql, "k1", Now),
            sql => SigningKeys.RetireAsync(sql, "k1", Now),
            sql => SigningKeys.DeleteAsync(sql, "k1"),
            sql => ConfigurationVersion.SetNotBeforeAsync(sql, Now),
        ];
        var version = (await test.ReadAsync(ConfigurationVersion.ReadAsync)).Version;
        for (var i = 0; i < changes.Length; i++)
        {
            var change = changes[i];
            await test.WriteAsync(change);
            var next = (await test.ReadAsync(ConfigurationVersion.ReadAsync)).Version;
            Assert.True(next > version, $"change {i} did not move the version");
            version = next;
        }

        Assert.Equal(Now, (await test.ReadAsync(ConfigurationVersion.ReadAsync)).NotBefore);
    }

    [Fact]
    public async Task A_client_is_saved_found_and_deleted_with_its_secrets()
    {
        await using var test = await engine.CreateAsync();
        await test.WriteAsync(sql => Clients.SaveAsync(sql, new ClientMetadata { ClientId = "a", ClientName = "A" }, Now));
        await test.WriteAsync(sql => Clients.SaveAsync(sql, new ClientMetadata { ClientId = "a", ClientName = "B" }, Now + 1));
        await test.WriteAsync(sql => Clients.SaveAsync(sql, new ClientMetadata { ClientId = "b" }, Now));
        await test.WriteAsync(sql => Clients.AddSecretAsync(sql, new ClientSecret("a", "1", "sha256:x", Now, null)));
        await test.WriteAsync(sql => Clients.AddSecretAsync(sql, new ClientSecret("b", "1", "sha256:y", Now, null)));
        await test.WriteAsync(sql => Clients.SetNotBeforeAsync(sql, "a", Now + 7));

        var found = (await test.ReadAsync(sql => Clients.FindAsync(sql, "a")))!;
        Assert.Equal("B", found.Metadata.ClientName);
        Assert.Equal((Now + 7, Now, Now + 1), (found.NotBefore, found.CreatedAt, found.UpdatedAt));
        Assert.Equal(["a", "b"], (await test.ReadAsync(Clients.ListAsync)).Select(row => row.Metadata.ClientId));

        Assert.True(await test.WriteAsync(sql => Clients.DeleteAsync(sql, "a")));
        Assert.False(await test.WriteAsync(sql => Clients.DeleteAsync(sql, "a")));
        Assert.Null(await test.ReadAsync(sql => Clients.FindAsync(sql, "a")));
        Assert.Equal("b", Assert.Single(await test.ReadAsync(Clients.ListSecretsAsync)).ClientId);
    }

    [Fact]
    public async Task Two_secrets_live_side_by_side_until_the_older_one_ends()
    {
        await using var test = await engine.CreateAsync();
        await test.WriteAsync(sql => Clients.AddSecretAsync(sql, new ClientSecret("a", "1", "sha256:x", Now, null)));
        await test.WriteAsync(sql => Clients.AddSecretAsync(sql, new ClientSecret("a", "0", "sha256:w", Now - 1, Now + 5)));
        await test.WriteAsync(sql => Clients.ExpireSecretsAsync(sql, "a", Now + 10));
        await test.WriteAsync(sql => Clients.AddSecretAsync(sql, new ClientSecret("a", "2", "sha256:y", Now, null)));
        Assert.Equal([Now + 5, Now + 10, null], (await test.ReadAsync(Clients.ListSecretsAsync)).Select(secret => secret.ExpiresAt));
        Assert.Equal(1, await test.WriteAsync(sql => Clients.DeleteExpiredSecretsAsync(sql, "a", Now + 5)));
        Assert.Equal(1, await test.WriteAsync(sql => Clients.DeleteExpiredSecretsAsync(sql, "a", Now + 10)));
        Assert.Equal("2", Assert.Single(await test.ReadAsync(Clients.ListSecretsAsync)).Id);
        Assert.DoesNotContain("sha256", new ClientSecret("a", "2", "sha256:y", Now, null).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_resource_is_saved_and_deleted()
    {
        await using var test = await engine.CreateAsync();
        await test.WriteAsync(sql => Resources.SaveAsync(sql, new ResourceMetadata { Resource = "https://a.example", Name = "A" }, Now));
        await test.WriteAsync(sql => Resources.SaveAsync(sql, new ResourceMetadata { Resource = "https://a.example", Name = "B", Scopes = [new ResourceScope { Scope = "x" }] }, Now));
        var resource = Assert.Single(await test.ReadAsync(Resources.ListAsync));
        Assert.Equal("B", resource.Name);
        Assert.Equal("x", Assert.Single(resource.Scopes).Scope);
        Assert.True(await test.WriteAsync(sql => Resources.DeleteAsync(sql, "https://a.example")));
        Assert.False(await test.WriteAsync(sql => Resources.DeleteAsync(sql, "https://a.example")));
    }

    [Fact]
    public async Task A_key_is_retired_once()
    {
        await using var test = await engine.CreateAsync();
        await test.WriteAsync(sql => SigningKeys.InsertAsync(sql, Key("k1")));
        await test.WriteAsync(sql => SigningKeys.SetActiveFromAsync(sql, "k1", Now + 1));
        await test.WriteAsync(sql => SigningKeys.RetireAsync(sql, "k1", Now + 2));
        await test.WriteAsync(sql => SigningKeys.RetireAsync(sql, "k1", Now + 3));
        var key = Assert.Single(await test.ReadAsync(SigningKeys.ListAsync));
        Assert.Equal((Now + 1, (long?)(Now + 2)), (key.ActiveFrom, key.RetiredAt));
        Assert.Equal([1, 2], key.Wrapped);
    }

    [Fact]
    public async Task What_was_declared_is_remembered()
    {
        await using var test = await engine.CreateAsync();
        Assert.Null(await test.ReadAsync(sql => Declarations.FindAsync(sql, "password", "alice")));
        await test.WriteAsync(sql => Declarations.SaveAsync(sql, "password", "alice", "f1"));
        await test.WriteAsync(sql => Declarations.SaveAsync(sql, "password", "alice", "f2"));
        Assert.Equal("f2", await test.ReadAsync(sql => Declarations.FindAsync(sql, "password", "alice")));
        Assert.Null(await test.ReadAsync(sql => Declarations.FindAsync(sql, "client_secret", "alice")));
        await test.WriteAsync(sql => Declarations.DeleteAsync(sql, "password", "alice"));
        Assert.Null(await test.ReadAsync(sql => Declarations.FindAsync(sql, "password", "alice")));
    }

    private static KeyRow Key(string id) => new(id, "sign", "RS256", [1, 2], Now, Now, null);
}

public sealed class SqliteConfigurationTests() : ConfigurationTests(Engine.Sqlite);

public sealed class PostgreSqlConfigurationTests(PostgresServer server) : ConfigurationTests(new(server));
