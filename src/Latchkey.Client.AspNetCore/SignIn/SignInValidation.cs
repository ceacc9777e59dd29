using Latchkey.Protocol;
using Latchkey.Protocol.Names;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Latchkey.Client.AspNetCore.SignIn;

/// <summary>Judges what the options of one scheme need around them: its client, and that this one asks who signs in.</summary>
internal sealed class SignInValidation(string scheme, IServiceProviderIsKeyedService? registered, IOptionsMonitor<LatchkeyClientOptions> clients)
    : IValidateOptions<LatchkeySignInOptions>
{
    public ValidateOptionsResult Validate(string? name, LatchkeySignInOptions options)
    {
        if (name != scheme) return ValidateOptionsResult.Skip;
        // Not every container tells what it has.
        if (registered?.IsKeyedService(typeof(LatchkeyClient), options.Client) == false)
        {
            return ValidateOptionsResult.Fail(
                $"Latchkey sign-in \"{scheme}\": there is no client \"{options.Client}\"; register it with AddLatchkeyClient(\"{options.Client}\", …), or name another by Client.");
        }

        // Without an ID token nobody knows who came back.
        return ScopeSet.Parse(clients.Get(options.Client).Scope).Value is { } scope && scope.Contains(Scopes.OpenId) ? ValidateOptionsResult.Success
            : ValidateOptionsResult.Fail($"Latchkey sign-in \"{scheme}\": the Scope of the client \"{options.Client}\" lacks openid, without which the provider does not say who signed in; add it.");
    }
}
