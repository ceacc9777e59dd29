using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Latchkey.Cli.Tests;

/// <summary>The rules of <c>latchkey doctor server</c> that need a folder, a certificate or a database to fall short, and the clients that nobody declared.</summary>
public sealed class DoctorRuleTests : IDisposable
{
    private const string Local = "http://127.0.0.1:5100";
    private const string Public = "https://id.example.com";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string Data => _folder.File("data");

    public static TheoryData<string, string, string, string, string> Declared => new()
    {
        // the issuer, what is added, the rule, its severity and what it is about
        { "", "{}", "settings-not-given", "note", "settings" },
        { Public, """{"settings":{"urls":"http://127.0.0.1:5100","client_id_metadata_documents":"loopback"}}""", "documents-loopback", "warning", "settings" },
        { Public, """{"settings":{"urls":"http://127.0.0.1:5100","log_level":"debug"}}""", "verbose-log", "note", "settings" },
        { Public, """{"settings":{"urls":"http://127.0.0.1:5100"}}""", "proxy-unnamed", "warning", "settings" },
        { Local, """{"settings":{"refresh_token_absolute_lifetime":63072000}}""", "long-grants", "note", "settings" },
        { "", """{"clients":[{"client_id":"app","token_endpoint_auth_method":"none","redirect_uris":["http://127.0.0.1/c"],"scope":"openid","application_type":"web"}]}""", "client-http-redirect", "warning", "client app" },
        { "", """{"resources":[{"resource":"http://api.example.com"}]}""", "resource-http", "warning", "resource http://api.example.com" },
        { "", """{"resources":[{"resource":"https://api.example.com","access_token_lifetime":7200,"allow_long_lived_access_tokens":true}]}""", "resource-long-tokens", "warning", "resource https://api.example.com" },
        { "", """{"resources":[{"resource":"https://api.example.com","clients":["nobody"]}]}""", "resource-unknown-client", "warning", "resource https://api.example.com" },
        { "", """{"trusted_issuers":[{"issuer":"https://jobs.example.com","rules":[{"client_id":"app","without_client_authentication":true,"scope":"openid","claims":{"sub":"job"}}]}]}""", "issuer-without-client", "warning", "trusted issuer https://jobs.example.com" },
        { "", """{"trusted_issuers":[{"issuer":"https://jobs.example.com","rules":[{"client_id":"app","scope":"openid"}]}]}""", "issuer-fits-all", "warning", "trusted issuer https://jobs.example.com" },
        { "", """{"trusted_issuers":[{"issuer":"https://jobs.example.com","jwks_uri":"http://jobs.example.com/keys","rules":[{"client_id":"app","scope":"openid","claims":{"sub":"job"}}]}]}""", "issuer-keys-http", "error", "trusted issuer https://jobs.example.com" },
    };

    [Theory, MemberData(nameof(Declared))]
    public async Task What_is_declared_falls_short(string issuer, string state, string rule, string severity, string subject)
    {
        var found = await FindAsync(JsonNode.Parse(state)!.AsObject(), rule, issuer.Length == 0 ? [] : ["--issuer", issuer]);
        Assert.Equal((severity, subject), (found.GetProperty("severity").GetString(), found.GetProperty("subject").GetString()));
        Assert.NotEqual("", found.GetProperty("mend").GetString());
    }

    [Fact]
    public async Task A_secret_on_the_command_line_is_found_and_not_shown()
    {
        var result = await DoctorAsync(new JsonObject(), "--issuer", Local, "--registration", "token", "--initial-access-token", "a-long-random-token-0123456789");
        Assert.Equal("initial_access_token", Find(result, "secret-in-arguments").GetProperty("setting").GetString());
        Assert.DoesNotContain("a-long-random-token", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_data_folder_that_others_can_read_is_found()
    {
        Directory.CreateDirectory(Data, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute);
        Assert.Equal(("error", "data"), await SeverityAsync("data-folder-open"));
        File.SetUnixFileMode(Data, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        Assert.False(Has(await DoctorAsync(new JsonObject(), "--issuer", Local), "data-folder-open"));

        async Task<(string?, string?)> SeverityAsync(string rule)
        {
            var found = await FindAsync(new JsonObject(), rule, "--issuer", Local);
            return (found.GetProperty("severity").GetString(), found.GetProperty("setting").GetString());
        }
    }

    [Theory]
    [InlineData(-1, "certificate-over", "error")]
    [InlineData(10, "certificate-ending", "warning")]
    [InlineData(60, null, null)]
    public async Task A_certificate_is_looked_at_before_it_hurts(int days, string? rule, string? severity)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var certificate = Certificate(key, days);
        await File.WriteAllTextAsync(_folder.File("cert.pem"), certificate.ExportCertificatePem());
        await File.WriteAllTextAsync(_folder.File("key.pem"), key.ExportPkcs8PrivateKeyPem());
        var result = await DoctorAsync(new JsonObject(), "--issuer", Public, "--urls", "https://127.0.0.1:5100", "--tls-cert", _folder.File("cert.pem"), "--tls-key", _folder.File("key.pem"));
        Assert.False(Has(result, "settings-refused"), result.Output);
        foreach (var each in (string[])["certificate-over", "certificate-ending"]) Assert.Equal(each == rule, Has(result, each));
        if (rule is null) return;
        var found = Find(result, rule);
        Assert.Equal((severity, "tls_cert"), (found.GetProperty("severity").GetString(), found.GetProperty("setting").GetString()));
        Assert.Contains($"{certificate.NotAfter.ToUniversalTime():yyyy-MM-dd}", found.GetProperty("says").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(-1, true)]
    [InlineData(60, false)]
    public async Task A_client_s_certificate_is_looked_at(int days, bool isFound)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var certificate = Certificate(key, days);
        var client = new JsonObject
        {
            ["client_id"] = "job", ["token_endpoint_auth_method"] = "self_signed_tls_client_auth", ["grant_types"] = new JsonArray("client_credentials"), ["response_types"] = new JsonArray(),
            ["jwks"] = new JsonObject { ["keys"] = new JsonArray(new JsonObject { ["kty"] = "EC", ["x5c"] = new JsonArray(Convert.ToBase64String(certificate.RawData)) }) },
        };
        Assert.Equal(isFound, Has(await DoctorAsync(new JsonObject { ["clients"] = new JsonArray(client) }), "client-certificate-over"));
    }

    [Fact]
    public async Task Secrets_that_are_gone_or_over_are_found_in_the_database()
    {
        foreach (var id in (string[])["gone", "over", "good"])
            (await LatchkeyProcess.RunAsync(["client", "create", "--client-id", id, "--redirect-uri", "https://app.example.com/c", "--scope", "openid", "--data", Data])).ExpectDone();
        DatabaseRows.Query(Data, "DELETE FROM client_secrets WHERE client_id = 'gone'");
        DatabaseRows.Query(Data, "UPDATE client_secrets SET expires_at = 1 WHERE client_id = 'over'");
        var result = await LatchkeyProcess.RunAsync(["doctor", "server", "--json", "--data", Data]);
        Assert.Equal(1, result.ExitCode);
        foreach (var (rule, id) in (ReadOnlySpan<(string, string)>)[("client-without-secret", "gone"), ("client-secret-over", "over")])
        {
            var found = Find(result, rule);
            Assert.Equal(("error", $"client {id}"), (found.GetProperty("severity").GetString(), found.GetProperty("subject").GetString()));
        }

        Assert.DoesNotContain("client good", result.Output, StringComparison.Ordinal);
    }

    /// <summary>They are judged as others are, said to be what they are, and what an operator has no say in is left out.</summary>
    [Fact]
    public async Task Clients_that_nobody_declared_are_looked_at_too()
    {
        (await LatchkeyProcess.RunAsync(["client", "create", "--client-id", "own", "--redirect-uri", "https://own.example.com/c", "--scope", "openid", "--data", Data])).ExpectDone();
        Register("reg_secret", """{"client_id":"reg_secret","redirect_uris":["https://a.example.com/c"],"scope":"openid"}""", "sha256:x");
        Register("reg_many", """{"client_id":"reg_many","token_endpoint_auth_method":"none","redirect_uris":["https://a.example.com/c","https://b.example.com/c","https://c.example.com/c","https://d.example.com/c"]}""", null);
        Document("https://app.example.com/client.json", """{"client_id":"https://app.example.com/client.json","token_endpoint_auth_method":"none","application_type":"native","redirect_uris":["http://localhost/c"]}""");
        var result = (await LatchkeyProcess.RunAsync(["doctor", "server", "--json", "--data", Data])).ExpectDone();
        Assert.Equal((1, 3), (result.Json.GetProperty("clients").GetInt32(), result.Json.GetProperty("undeclared_clients").GetInt32()));
        Assert.Equal("client reg_many (registered itself)", Find(result, "client-many-hosts").GetProperty("subject").GetString());
        Assert.Equal("client https://app.example.com/client.json (known by its document)", Find(result, "client-localhost").GetProperty("subject").GetString());
        foreach (var rule in (string[])["client-without-secret", "client-without-scope", "profile-turns-on", "clients-not-looked-at"]) Assert.False(Has(result, rule), $"{rule}: {result.Output}");
        Assert.Contains("1 client, 3 that nobody declared and 0 resources", (await LatchkeyProcess.RunAsync(["doctor", "server", "--data", Data])).ExpectDone().Output, StringComparison.Ordinal);

        // By the server's profile they fall short as what they are, without a word about what it turns on for them.
        var strict = await LatchkeyProcess.RunAsync(["doctor", "server", "--json", "--data", Data, "--profile", "fapi2-security"]);
        Assert.Contains(strict.Json.GetProperty("findings").EnumerateArray(), finding =>
            finding.GetProperty("rule").GetString() == "fapi2-client-authentication" && finding.GetProperty("subject").GetString() == "client reg_many (registered itself)");
        Assert.DoesNotContain(strict.Json.GetProperty("findings").EnumerateArray(), finding =>
            finding.GetProperty("rule").GetString() == "profile-turns-on" && finding.GetProperty("subject").GetString() != "client own");
    }

    [Fact]
    public async Task Of_those_that_nobody_declared_a_bounded_number_is_looked_at()
    {
        (await LatchkeyProcess.RunAsync(["client", "create", "--client-id", "own", "--redirect-uri", "https://own.example.com/c", "--scope", "openid", "--data", Data])).ExpectDone();
        DatabaseRows.Query(Data, """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 501)
            INSERT INTO registered_clients (client_id, metadata, token_hash, created_at, updated_at)
            SELECT printf('reg_%04d', i), printf('{"client_id":"reg_%04d","token_endpoint_auth_method":"none","redirect_uris":["https://a.example.com/c"]}', i), x'00', 1, 1 FROM n
            """);
        var result = (await LatchkeyProcess.RunAsync(["doctor", "server", "--json", "--data", Data])).ExpectDone();
        Assert.Equal(500, result.Json.GetProperty("undeclared_clients").GetInt32());
        Assert.Equal(("note", "clients"), (Find(result, "clients-not-looked-at").GetProperty("severity").GetString(), Find(result, "clients-not-looked-at").GetProperty("subject").GetString()));
    }

    private static X509Certificate2 Certificate(ECDsa key, int days)
    {
        var now = TimeProvider.System.GetUtcNow();
        return new CertificateRequest("CN=id.example.com", key, HashAlgorithmName.SHA256).CreateSelfSigned(now.AddDays(-90), now.AddDays(days));
    }

    private void Register(string id, string metadata, string? hash) => DatabaseRows.Query(Data,
        $"INSERT INTO registered_clients (client_id, metadata, secret_hash, token_hash, created_at, updated_at) VALUES ('{id}', '{metadata}', {(hash is null ? "NULL" : $"'{hash}'")}, x'00', 1, 1)");

    private void Document(string id, string metadata) => DatabaseRows.Query(Data, $"INSERT INTO client_documents (client_id, metadata, fetched_at) VALUES ('{id}', '{metadata}', 1)");

    private static bool Has(CommandResult result, string rule) => result.Json.GetProperty("findings").EnumerateArray().Any(finding => finding.GetProperty("rule").GetString() == rule);

    private static JsonElement Find(CommandResult result, string rule) => Has(result, rule)
        ? result.Json.GetProperty("findings").EnumerateArray().First(finding => finding.GetProperty("rule").GetString() == rule)
        : throw new Xunit.Sdk.XunitException($"There is no {rule} among {result.Output} {result.Errors}");

    private async Task<JsonElement> FindAsync(JsonObject state, string rule, params string[] arguments) => Find(await DoctorAsync(state, arguments), rule);

    private async Task<CommandResult> DoctorAsync(JsonObject state, params string[] arguments)
    {
        var file = _folder.File("latchkey.json");
        await File.WriteAllTextAsync(file, state.ToJsonString());
        return await LatchkeyProcess.RunAsync(["doctor", "server", "--config", file, "--data", Data, "--json", .. arguments]);
    }
}
