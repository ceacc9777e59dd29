namespace Latchkey.Cli.Tests;

/// <summary>What is wrong with a configuration file is said in one sentence that names the place and the mend; the exit code is 2.</summary>
public sealed class ServeFileFaultTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string, string[]> Files => new()
    {
        { "{ \"clients\": [", ["no valid JSON", "line 1"] },
        { "{ \"clients\": [ { \"client_id\": \"a\" ] }", ["no valid JSON", "line 1, column"] },
        { "{ \"clients\": [], \"clients\": [] }", ["clients"] },
        { "[]", ["not a JSON object"] },
        { "{ \"client\": [] }", ["\"client\"", "did you mean \"clients\"?"] },
        { "{ \"settings\": { \"isuer\": \"http://127.0.0.1:5100\" } }", ["\"isuer\"", "settings.isuer", "did you mean \"issuer\"?"] },
        { "{ \"settings\": { \"issuer\": \"${LATCHKEY_TEST_ABSENT}\" } }", ["settings.issuer", "LATCHKEY_TEST_ABSENT", "not set"] },
        { "{ \"settings\": { \"issuer\": \"http://example.com\" } }", ["settings.issuer", "use https"] },
        { "{ \"settings\": { \"issuer\": \"http://127.0.0.1:5100\", \"trusted_proxies\": [\"10.0.0.0/8\", \"x\"] } }", ["settings.trusted_proxies", "\"x\""] },
        { "{ \"settings\": { \"issuer\": \"http://127.0.0.1:5100\", \"access_token_lifetime\": 3601 } }", ["settings.access_token_lifetime", "3600"] },
        { "{ \"settings\": { \"issuer\": \"http://127.0.0.1:5100\" }, \"users\": [{ \"username\": \"alice\", \"sub\": \"alice\" }] }", ["users[0]", "username"] },
    };

    [Theory, MemberData(nameof(Files))]
    public async Task A_wrong_configuration_file_is_named_with_its_mend(string json, string[] said)
    {
        await File.WriteAllTextAsync(_folder.File("latchkey.json"), json, TestContext.Current.CancellationToken);
        (await LatchkeyProcess.RunAsync("serve", "--data", _folder.File("data"), "--config", _folder.File("latchkey.json"))).ExpectRefusal(2, [.. said, "latchkey.json"]);
    }

    public void Dispose() => _folder.Dispose();
}
