using Microsoft.Extensions.Options;

namespace Latchkey.Client.Hosting;

/// <summary>Judges the options of one named client.</summary>
internal sealed class ClientValidation(string client) : IValidateOptions<LatchkeyClientOptions>
{
    public ValidateOptionsResult Validate(string? name, LatchkeyClientOptions options)
    {
        if (name != client) return ValidateOptionsResult.Skip;
        var faults = options.Faults();
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults.Select(fault => $"Latchkey client \"{name}\": {fault}"));
    }
}
