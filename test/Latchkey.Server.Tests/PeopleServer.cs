using System.Globalization;
using System.Text.Json.Nodes;
using Latchkey.Server.Tests.Logout;

namespace Latchkey.Server.Tests;

/// <summary>
/// The process that the tests of devices, sign-out, the account page and the boundary share. It trusts this machine as a proxy, so that every browser
/// can come from an address of its own: what one guesses is not counted against another.
/// </summary>
public sealed class PeopleServer : IAsyncLifetime
{
    /// <summary>Confidential, device code and refresh.</summary>
    public static readonly TestClient Box = new("box", "box-secret-0123456789abcdef", TestClient.Basic, null);

    /// <summary>As <see cref="Box"/> with <c>private_key_jwt</c>.</summary>
    public static readonly TestClient KeyBox = new("key-box", null, TestClient.PrivateKeyJwt, null) { Key = TestKey.Shared };

    public const string DeviceCodeGrant = "urn:ietf:params:oauth:grant-type:device_code";

    private const int Apps = 80;
    private const int Persons = 16;

    private LatchkeyProcess? _process;
    private LogoutReceiver? _receiver;
    private int _takenApps;
    private int _takenPersons;
    private int _browsers;

    public LatchkeyProcess Process => _process ?? throw new InvalidOperationException("The server has not been started.");

    /// <summary>What takes the logout tokens of all <see cref="NewApp"/>s.</summary>
    public LogoutReceiver Receiver => _receiver ?? throw new InvalidOperationException("The server has not been started.");

    public string Issuer => Process.Issuer;

    /// <summary>A client's program.</summary>
    public OAuthClient Client(TestClient client) => new(Issuer, client);

    /// <summary>A browser with no cookies, at an address that no other has.</summary>
    public PageWalker Browser(Person? person = null)
    {
        var number = Interlocked.Increment(ref _browsers);
        var browser = new PageWalker(Issuer, person);
        browser.Headers["X-Forwarded-For"] = string.Create(CultureInfo.InvariantCulture, $"198.18.{number >> 8}.{number & 255}");
        return browser;
    }

    /// <summary>A public client that no other test has seen, with a back-channel logout URI at <see cref="Receiver"/> and <c>skip_consent</c>.</summary>
    public OAuthClient NewApp()
    {
        var number = Interlocked.Increment(ref _takenApps);
        return number <= Apps ? Client(App(number)) : throw new InvalidOperationException("There are no more apps; declare some.");
    }

    /// <summary>A person whom no other test has seen.</summary>
    public Person NewPerson()
    {
        var number = Interlocked.Increment(ref _takenPersons);
        return number <= Persons ? Someone(number) : throw new InvalidOperationException("There are no more people; declare some.");
    }

    /// <summary>The audit's rows, oldest first; only those of an event or a person if named.</summary>
    public List<AuditRow> Audit(string? name = null, string? subject = null) => AuditRow.Read(Process, name, subject);

    public async ValueTask InitializeAsync()
    {
        _receiver = await LogoutReceiver.StartAsync();
        var state = DeclaredStates.Standard();
        state.Add(Box, AsDevice);
        state.Add(KeyBox, client =>
        {
            AsDevice(client);
            client["jwks"] = new JsonObject { ["keys"] = new JsonArray(TestKey.Shared.PublicJwk()) };
        });
        for (var number = 1; number <= Apps; number++)
        {
            state.Add(App(number), client =>
            {
                client["skip_consent"] = true;
                client["backchannel_logout_uri"] = _receiver.Url((string)client["client_id"]!);
                client["backchannel_logout_session_required"] = true;
                client["post_logout_redirect_uris"] = new JsonArray($"https://{(string)client["client_id"]!}.example.com/bye");
            });
        }

        for (var number = 1; number <= Persons; number++)
        {
            var person = Someone(number);
            state["users"]!.AsArray().Add(new JsonObject { ["username"] = person.Username, ["password"] = person.Password, ["name"] = $"Someone {number}" });
        }

        _process = await LatchkeyProcess.StartAsync(state, arguments: ["--trusted-proxies", "127.0.0.1"]);
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is not null) await _process.DisposeAsync();
        if (_receiver is not null) await _receiver.DisposeAsync();
    }

    private static TestClient App(int number) =>
        new($"app-{number}", null, TestClient.None, $"https://app-{number}.example.com/callback");

    private static Person Someone(int number) => new($"someone{number}", $"the long passphrase of someone {number}");

    private static void AsDevice(JsonObject client)
    {
        client["application_type"] = "native";
        client["grant_types"] = new JsonArray(DeviceCodeGrant, "refresh_token");
    }
}
