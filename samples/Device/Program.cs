// A terminal program that signs a person in on another device: the device authorization grant (RFC 8628).
using Latchkey.Client;
using Latchkey.Samples;
using Latchkey.Verification.Providers;

var flags = new Flags(args, "device --issuer URL --client-id ID --scope SCOPE", "issuer", "client-id", "client-secret", "scope");
try
{
    using var client = new LatchkeyClient(new()
    {
        Issuer = flags.Get("issuer"),
        ClientId = flags.Get("client-id"),
        Credential = flags.Find("client-secret") is { Length: > 0 } secret ? ClientCredential.Secret(secret) : ClientCredential.None,
        Scope = flags.Get("scope"),
    });
    var device = await client.StartDeviceAsync();
    Console.WriteLine($"Visit {device.VerificationUri.AbsoluteUri} and enter code: {device.UserCode}");
    if (device.VerificationUriComplete is { } complete) Console.WriteLine($"Or open {complete.AbsoluteUri} and compare the code.");

    // Waits as long as the provider says, slower when it says so, until the person has decided or the code has ended.
    var tokens = await device.WaitAsync();
    var user = tokens.IdToken is null ? await client.UserInfoAsync(tokens.AccessToken) : await client.UserInfoAsync(tokens);
    Console.WriteLine(user.Claims.GetRawText());
    return 0;
}
catch (Exception exception) when (exception is OAuthException or ProviderException)
{
    // The OAuth error code comes first: access_denied, expired_token.
    Console.Error.WriteLine(exception.Message);
    return 1;
}
catch (ArgumentException exception)
{
    Console.Error.WriteLine(exception.Message);
    return 2;
}
