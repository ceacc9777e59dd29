using System.Text.Json;
using System.Text.Json.Nodes;

namespace Latchkey.Cli.Tests;

/// <summary><c>latchkey doctor server</c>: what it finds, how it says so, and how it ends.</summary>
public sealed class DoctorTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_sound_configuration_has_nothing_to_mend()
    {
        var result = (await DoctorAsync(Sound(), "--issuer", "http://127.0.0.1:5100")).ExpectDone();
        Assert.Equal("note: settings: issuer: the issuer is http, which only programs on this computer can use (OAuth 2.1 section 1.5); take an https issuer for anybody else. [issuer-http]", result.Output.Split('\n')[0]);
        Assert.Equal("Looked at the settings, 1 client and 1 resource: 0 errors, 0 warnings, 1 note.", result.Output.TrimEnd().Split('\n')[^1]);
        Assert.DoesNotContain('\e', result.Output);
    }

    public static TheoryData<string, string, string, string> Settings => new()
    {
        // what is added to settings, the rule, its severity, and what is said
        { """{"trusted_proxies":"0.0.0.0/0"}""", "proxies-everybody", "error", "trusted_proxies" },
        { """{"trusted_proxies":"10.0.0.0/7"}""", "proxies-wide", "warning", "trusted_proxies" },
        { """{"trusted_proxies":"10.0.0.1"}""", "sqlite-one-node", "note", "database" },
        { """{"registration":"open"}""", "registration-open", "warning", "registration" },
        { """{"refresh_token_leeway":3600}""", "long-leeway", "warning", "refresh_token_leeway" },
        { """{"status_list_ttl":3600}""", "slow-revocation", "warning", "status_list_ttl" },
        { """{"metrics_urls":"http://0.0.0.0:9464"}""", "metrics-public", "warning", "metrics_urls" },
        { """{"otlp_endpoint":"http://collector.example.com:4318"}""", "telemetry-http", "note", "otlp_endpoint" },
        { """{"key_rotation_interval":86400000}""", "old-keys", "warning", "key_rotation_interval" },
        { """{"registration":"token","initial_access_token":"a-long-random-token-0123456789"}""", "secret-in-file", "warning", "settings.initial_access_token" },
        { """{"authorization_code_lifetime":6000}""", "settings-refused", "error", "authorization_code_lifetime" },
        { """{"profile":"fapi2-security","authorization_code_lifetime":120}""", "fapi2-code-lifetime", "error", "authorization_code_lifetime" },
    };

    [Theory, MemberData(nameof(Settings))]
    public async Task Settings_are_looked_at(string settings, string rule, string severity, string said)
    {
        var state = Sound();
        state["settings"] = JsonNode.Parse(settings);
        var result = await DoctorAsync(state, "--issuer", "http://127.0.0.1:5100", "--json");
        var finding = Find(result, rule);
        Assert.Equal(severity, finding.GetProperty("severity").GetString());
        Assert.Contains(said, finding.GetRawText(), StringComparison.Ordinal);
        Assert.Equal(severity == "error" ? 1 : 0, result.ExitCode);
        // No secret is ever shown.
        Assert.DoesNotContain("a-long-random-token", result.Output, StringComparison.Ordinal);
    }

    public static TheoryData<string, string, string> Clients => new()
    {
        { """{"require_pkce":false}""", "client-without-pkce", "warning" },
        { """{"accept_endpoint_audience":true}""", "client-endpoint-audience", "warning" },
        { """{"redirect_uris":["https://a.example.com/c","https://b.example.com/c","https://c.example.com/c","https://d.example.com/c"]}""", "client-many-hosts", "note" },
        { """{"application_type":"native","redirect_uris":["http://localhost/c"]}""", "client-localhost", "note" },
        { """{"application_type":"native","token_endpoint_auth_method":"none","redirect_uris":["com.example.app:/c"],"skip_consent":true}""", "client-consent-skipped", "warning" },
        { """{"global_token_revocation":true}""", "client-revokes-everything", "note" },
        { """{"token_exchange":{"impersonation":true}}""", "client-impersonates", "warning" },
        { """{"jwks":null,"jwks_uri":"http://keys.example.com/jwks.json"}""", "client-keys-http", "error" },
        { """{"backchannel_logout_uri":"http://app.example.com/logout"}""", "client-logout-http", "warning" },
        { """{"scope":"openid api:read api:wirte"}""", "client-unknown-scope", "warning" },
        { """{"scope":null}""", "client-without-scope", "warning" },
        { """{"token_endpoint_auth_method":"private_key_jwt","jwks":{"keys":[{"kty":"RSA","n":"u1SU1LfVLPHCozMxH2Mo4lgOEePzNm0tRgeLezV6ffAt0gunVTLw7onLRnrq0_IzW7yWR7QkrmBL7jTKEn5u","e":"AQAB"}]}}""", "client-weak-key", "error" },
        { """{"grant_types":["authorization_code","unknown"]}""", "client-refused", "error" },
        { """{"profile":"fapi2-security","token_endpoint_auth_method":"client_secret_basic"}""", "fapi2-client-authentication", "error" },
    };

    [Theory, MemberData(nameof(Clients))]
    public async Task Clients_are_looked_at(string change, string rule, string severity)
    {
        var state = Sound();
        var client = state["clients"]![0]!.AsObject();
        foreach (var (name, value) in JsonNode.Parse(change)!.AsObject())
        {
            if (value is null) client.Remove(name);
            else client[name] = value.DeepClone();
        }

        var result = await DoctorAsync(state, "--json");
        var finding = Find(result, rule);
        Assert.Equal((severity, "client app"), (finding.GetProperty("severity").GetString(), finding.GetProperty("subject").GetString()));
        Assert.NotEqual("", finding.GetProperty("mend").GetString());
        Assert.Equal(severity == "error" ? 1 : 0, result.ExitCode);
    }

    [Fact, Spec("FAPI 2.0 Security Profile", "5.3.2.1")]
    public async Task A_profile_can_be_asked_for_that_is_not_set()
    {
        var result = await DoctorAsync(Sound(), "--profile", "fapi2-security", "--json");
        Assert.Equal(1, result.ExitCode);
        var refused = Find(result, "fapi2-client-authentication");
        Assert.Equal("FAPI 2.0 Security Profile section 5.3.2.1", refused.GetProperty("section").GetString());
        // What the profile would change without a word is told as a note.
        var turnedOn = Find(result, "profile-turns-on");
        Assert.Equal("note", turnedOn.GetProperty("severity").GetString());
        Assert.Contains("require_pushed_authorization_requests", turnedOn.GetProperty("says").GetString(), StringComparison.Ordinal);
        Assert.Equal("fapi2-security", result.Json.GetProperty("profile").GetString());
        (await DoctorAsync(Sound(), "--profile", "fapi3")).ExpectRefusal(2, "--profile", "oauth21");
    }

    [Fact]
    public async Task The_exit_code_goes_by_the_severity_that_was_asked_for()
    {
        var state = Sound();
        state["clients"]![0]!["require_pkce"] = false;
        Assert.Equal(0, (await DoctorAsync(state)).ExitCode);
        Assert.Equal(1, (await DoctorAsync(state, "--fail-on", "warning")).ExitCode);
        Assert.Equal(0, (await DoctorAsync(Sound(), "--issuer", "http://127.0.0.1:5100", "--fail-on", "warning")).ExitCode);
        Assert.Equal(1, (await DoctorAsync(Sound(), "--issuer", "http://127.0.0.1:5100", "--fail-on", "note")).ExitCode);
        Assert.Equal(2, (await DoctorAsync(state, "--fail-on", "everything")).ExitCode);
    }

    [Fact]
    public async Task What_a_profile_demands_is_said_once()
    {
        var state = Sound();
        state["clients"]![0]!["require_pkce"] = false;
        var found = (await DoctorAsync(state, "--profile", "oauth21", "--json")).Json.GetProperty("findings").EnumerateArray()
            .Where(finding => finding.GetProperty("setting").GetString() == "require_pkce").Select(finding => finding.GetProperty("rule").GetString());
        Assert.Equal(["oauth21-pkce"], found);
    }

    [Fact]
    public async Task The_database_is_looked_at_and_left_as_it_is()
    {
        string[] data = ["--data", _folder.Path];
        (await LatchkeyProcess.RunAsync(["doctor", "server", .. data])).ExpectRefusal(2, "There is nothing to look at", "--data", "--config");
        (await LatchkeyProcess.RunAsync(["client", "create", "--client-id", "kept", "--redirect-uri", "https://kept.example.com/callback", "--scope", "openid nothing", .. data])).ExpectDone();
        var before = DatabaseRows.Query(_folder.Path, "SELECT client_id, metadata, updated_at, 0 FROM clients");
        var found = (await LatchkeyProcess.RunAsync(["doctor", "server", "--json", .. data])).ExpectDone();
        Assert.Equal("client kept", Find(found, "client-unknown-scope").GetProperty("subject").GetString());
        Assert.Equal(before, DatabaseRows.Query(_folder.Path, "SELECT client_id, metadata, updated_at, 0 FROM clients"));
        Assert.Empty((await LatchkeyProcess.RunAsync(["audit", "list", "--event", "doctor", "--json", .. data])).ExpectDone().Json.EnumerateArray());
    }

    [Fact]
    public async Task A_database_on_another_machine_is_to_be_reached_encrypted()
    {
        foreach (var (address, isFound) in new[]
        {
            ("postgres://latchkey@db.invalid/latchkey", true), ("postgres://latchkey@db.invalid/latchkey?SSL+Mode=Require", true),
            ("postgres://latchkey@db.invalid,db2.invalid/latchkey?sslmode=VerifyFull", false),
        })
        {
            // Nobody answers there: what is told of the settings is told before.
            var result = await DoctorAsync(Sound(), "--issuer", "http://127.0.0.1:5100", "--json", "--database", address);
            Assert.Equal(isFound, result.Json.GetProperty("findings").EnumerateArray().Any(finding => finding.GetProperty("rule").GetString() == "database-tls"));
            Assert.Contains(result.Json.GetProperty("findings").EnumerateArray(), finding => finding.GetProperty("rule").GetString() == "database-away");
        }
    }

    private static JsonElement Find(CommandResult result, string rule)
    {
        var findings = result.Json.GetProperty("findings").EnumerateArray().ToList();
        var found = findings.FirstOrDefault(finding => finding.GetProperty("rule").GetString() == rule);
        return found.ValueKind == JsonValueKind.Object ? found : throw new Xunit.Sdk.XunitException($"There is no {rule} among {result.Output}");
    }

    private static JsonObject Sound() => new()
    {
        ["clients"] = new JsonArray(new JsonObject
        {
            ["client_id"] = "app",
            ["client_secret"] = "${LATCHKEY_TEST_SECRET}",
            ["redirect_uris"] = new JsonArray("https://app.example.com/callback"),
            ["grant_types"] = new JsonArray("authorization_code", "refresh_token"),
            ["scope"] = "openid api:read",
        }),
        ["resources"] = new JsonArray(new JsonObject { ["resource"] = "https://api.example.com", ["scopes"] = new JsonArray("api:read") }),
    };

    private async Task<CommandResult> DoctorAsync(JsonObject state, params string[] arguments)
    {
        if (state["clients"]![0]!["token_endpoint_auth_method"] is { } method && (string)method! != "client_secret_basic") state["clients"]![0]!.AsObject().Remove("client_secret");
        var file = Path.Combine(_folder.Path, "latchkey.json");
        await File.WriteAllTextAsync(file, state.ToJsonString());
        return await LatchkeyProcess.RunAsync(["doctor", "server", "--config", file, "--data", Path.Combine(_folder.Path, "none"), .. arguments], null, new Dictionary<string, string> { ["LATCHKEY_TEST_SECRET"] = "app-secret-0123456789abcdef" });
    }
}
