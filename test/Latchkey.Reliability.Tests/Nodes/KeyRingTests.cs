using System.Net;
using System.Security.Cryptography;

namespace Latchkey.Reliability.Tests.Nodes;

/// <summary>The key ring in the database, under a key that the operator brings.</summary>
public sealed class KeyRingTests(PostgresServer database)
{
    [Fact]
    public async Task The_ring_lies_in_the_database_under_the_operators_key()
    {
        using var folder = new TemporaryFolder();
        var (key, other) = (folder.File("kek"), folder.File("other"));
        foreach (var file in (string[])[key, other]) await File.WriteAllTextAsync(file, Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)) + "\n");
        var url = await database.CreateDatabaseAsync();
        await using (var server = await LatchkeyProcess.StartAsync(arguments: ["--database", url, "--key-encryption-key", key]))
        {
            using var machine = new OAuthClient(server.Issuer, DeclaredStates.Machine);
            (await machine.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK);
            Assert.False(Directory.Exists(Path.Combine(server.DataFolder, "keys")));
        }

        var element = (string)(await database.ExecuteAsync(url[(url.LastIndexOf('/') + 1)..], "SELECT string_agg(element, '') FROM key_ring"))!;
        Assert.StartsWith("<sealed>", element, StringComparison.Ordinal);
        Assert.DoesNotContain("masterKey", element, StringComparison.Ordinal);

        var good = await LatchkeyProcess.RunAsync("key", "list", "--database", url, "--key-encryption-key", key);
        Assert.True(good.ExitCode == 0, good.Errors);
        var byVariable = await LatchkeyProcess.RunAsync(["key", "list", "--database", url], null, new Dictionary<string, string> { ["LATCHKEY_KEY_ENCRYPTION_KEY"] = (await File.ReadAllTextAsync(key)).Trim() });
        Assert.True(byVariable.ExitCode == 0, byVariable.Errors);

        var wrong = await LatchkeyProcess.RunAsync("key", "list", "--database", url, "--key-encryption-key", other);
        Assert.Equal((2, "latchkey: The key ring was encrypted under another key-encryption key than the one given; give the one it was made with.\n"), (wrong.ExitCode, wrong.Errors));
        var none = await LatchkeyProcess.RunAsync("key", "list", "--database", url);
        Assert.Equal(2, none.ExitCode);
        Assert.Contains("--key-encryption-key", none.Errors, StringComparison.Ordinal);
        await File.WriteAllTextAsync(other, "too short");
        Assert.Contains("32 bytes", (await LatchkeyProcess.RunAsync("key", "list", "--database", url, "--key-encryption-key", other)).Errors, StringComparison.Ordinal);
    }
}
