using System.Buffers.Text;
using System.Security.Cryptography;
using Latchkey.Protocol;
using Latchkey.Protocol.Messages;
using Latchkey.Protocol.Names;
using Latchkey.Server.Authorize;
using Latchkey.Server.ClientAuthentication;
using Latchkey.Server.Configuration;
using Latchkey.Server.Hosting;
using Latchkey.Storage;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Server.Device;

/// <summary>
/// The device authorization endpoint, RFC 8628 section 3.1: a device that has no browser asks for two codes, one to poll with and one for a person.
/// </summary>
internal sealed class DeviceAuthorizationEndpoint(
    ConfigurationSource configurations, ClientAuthenticator authenticator, Database database, ServerOptions options, TimeProvider clock)
{
    /// <summary>What every device code begins with, so that secret scanners find it.</summary>
    public const string Prefix = "lkd_";

    // With a thousand codes alive the chance that a new one is taken is one in twenty million.
    private const int Attempts = 5;

    /// <summary>Answers <c>POST /device/code</c>.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        // 1. The form, and who asks: as at the token endpoint.
        var configuration = configurations.Current;
        if ((await RequestForm.ReadAsync(context).ConfigureAwait(false)).Refused(out var error, out var form))
        {
            await context.WriteErrorAsync(error).ConfigureAwait(false);
            return;
        }

        if ((await authenticator.AuthenticateAsync(context, form, configuration).ConfigureAwait(false)).Refused(out error, out var client))
        {
            await authenticator.WriteFailureAsync(context, error).ConfigureAwait(false);
            return;
        }

        // 2. For what.
        if (!client.Metadata.Allows(GrantTypes.DeviceCode))
        {
            await context.WriteErrorAsync(OAuthError.UnauthorizedClient($"This client may not use the grant {GrantTypes.DeviceCode}; add it to its grant_types."))
                .ConfigureAwait(false);
            return;
        }

        if (RequestedAccess.Read(form, client, configuration).Refused(out error, out var access))
        {
            await context.WriteErrorAsync(error).ConfigureAwait(false);
            return;
        }

        // 3. Both codes; the row knows the device's half only by its hash.
        var deviceCode = Prefix + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
        var userCode = await InsertAsync(context, deviceCode, client, access).ConfigureAwait(false);

        context.NoStore();
        var verificationUri = options.Endpoint("/device");
        await context.WriteJsonAsync(
            new DeviceAuthorizationResponse(
                deviceCode, UserCode.Show(userCode), verificationUri, $"{verificationUri}?user_code={UserCode.Show(userCode)}",
                (int)options.DeviceCodeLifetime.TotalSeconds, options.DevicePollingInterval),
            MessagesJson.Default.DeviceAuthorizationResponse).ConfigureAwait(false);
    }

    private async ValueTask<string> InsertAsync(HttpContext context, string deviceCode, Client client, RequestedAccess access)
    {
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            var row = new DeviceCode
            {
                CodeHash = DeviceCodes.Hash(deviceCode),
                UserCode = UserCode.New(),
                ClientId = client.Id,
                Scope = access.Scope.ToString(),
                Resources = string.Join(' ', access.Resources.Select(resource => resource.Resource)),
                IntervalSeconds = options.DevicePollingInterval,
                CreatedAt = now,
                ExpiresAt = now + (long)options.DeviceCodeLifetime.TotalMilliseconds,
                Address = context.Address(),
                UserAgent = context.UserAgent(),
            };
            if (await database.WriteAsync(sql => DeviceCodes.InsertAsync(sql, row)).ConfigureAwait(false)) return row.UserCode;
        }

        throw new InvalidOperationException($"{Attempts} new user codes in a row were taken.");
    }
}
